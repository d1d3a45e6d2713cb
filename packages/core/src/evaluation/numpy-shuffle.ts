/** NumPy's legacy shuffle, which the published splits of training defects were drawn with. */

const SIZE = 624;
const HALF = 397;

/** The Mersenne twister MT19937, seeded as `numpy.random.RandomState(seed)` does for one integer. */
class MersenneTwister {
  private readonly state = new Uint32Array(SIZE);
  private at = SIZE;

  constructor(seed: number) {
    let value = seed >>> 0;
    for (let i = 0; i < SIZE; i++) {
      this.state[i] = value;
      value = (Math.imul(1812433253, value ^ (value >>> 30)) + i + 1) >>> 0;
    }
  }

  /** The next 32 random bits. */
  next(): number {
    if (this.at === SIZE) this.twist();
    let y = this.state[this.at++];
    y ^= y >>> 11;
    y ^= (y << 7) & 0x9d2c5680;
    y ^= (y << 15) & 0xefc60000;
    y ^= y >>> 18;
    return y >>> 0;
  }

  private twist(): void {
    const { state } = this;
    for (let i = 0; i < SIZE; i++) {
      const y = (state[i] & 0x80000000) | (state[(i + 1) % SIZE] & 0x7fffffff);
      state[i] = state[(i + HALF) % SIZE] ^ (y >>> 1) ^ (y & 1 ? 0x9908b0df : 0);
    }
    this.at = 0;
  }
}

/**
 * A copy of the list in the order that `numpy.random.RandomState(seed).shuffle` gives it.
 * @param seed 0 to 2**32 - 1.
 */
export function numpyShuffle<Item>(list: readonly Item[], seed: number): Item[] {
  const generator = new MersenneTwister(seed);
  const out = [...list];
  for (let i = out.length - 1; i > 0; i--) {
    // Bits beyond the range are masked away, numbers beyond it are drawn again.
    const mask = 2 ** (32 - Math.clz32(i)) - 1;
    let j = (generator.next() & mask) >>> 0;
    while (j > i) j = (generator.next() & mask) >>> 0;
    [out[i], out[j]] = [out[j], out[i]];
  }
  return out;
}
