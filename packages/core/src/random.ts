/** Seeded randomness: every draw in the project comes from one of these, passed in, so that a seed fixes a run. */

/** A small, fast generator (sfc32) whose whole state is four integers, so a checkpoint can hold it. */
export class Random {
  private a: number;
  private b: number;
  private c: number;
  private d: number;

  /** @param seed an integer, or a string that is hashed (for streams named after what they drive). */
  constructor(seed: number | string) {
    let h = 0x811c9dc5;
    for (const ch of String(seed)) h = Math.imul(h ^ ch.charCodeAt(0), 0x01000193);
    this.a = h | 0;
    this.b = Math.imul(h, 0x9e3779b1) | 0;
    this.c = Math.imul(h ^ 0x85ebca6b, 0xc2b2ae35) | 0;
    this.d = 1;
    for (let i = 0; i < 15; i++) this.next();
  }

  /** Uniform in [0, 1) with 32 random bits. */
  next(): number {
    const t = (((this.a + this.b) | 0) + this.d) | 0;
    this.d = (this.d + 1) | 0;
    this.a = this.b ^ (this.b >>> 9);
    this.b = (this.c + (this.c << 3)) | 0;
    this.c = (this.c << 21) | (this.c >>> 11);
    this.c = (this.c + t) | 0;
    return (t >>> 0) / 4294967296;
  }

  /** Uniform in [low, high). */
  uniform(low: number, high: number): number {
    return low + (high - low) * this.next();
  }

  /** Integer in [low, high). */
  int(low: number, high: number): number {
    return low + Math.floor(this.next() * (high - low));
  }

  /** True with the given probability. */
  chance(probability: number): boolean {
    return this.next() < probability;
  }

  /** Standard normal (Box–Muller, one of the pair). */
  normal(): number {
    const radius = Math.sqrt(-2 * Math.log(1 - this.next()));
    return radius * Math.cos(2 * Math.PI * this.next());
  }

  /** One element of a non-empty list. */
  pick<T>(list: readonly T[]): T {
    return list[this.int(0, list.length)];
  }

  /** A shuffled copy (Fisher–Yates). */
  shuffle<T>(list: readonly T[]): T[] {
    const out = [...list];
    for (let i = out.length - 1; i > 0; i--) {
      const j = this.int(0, i + 1);
      [out[i], out[j]] = [out[j], out[i]];
    }
    return out;
  }

  /** An independent stream named by a label, without advancing this one. */
  fork(label: string | number): Random {
    return new Random(`${this.state().join(',')}/${label}`);
  }

  /** The state, to be stored in a checkpoint. */
  state(): number[] {
    return [this.a, this.b, this.c, this.d];
  }

  /** A generator that goes on from a stored state. */
  static from(state: readonly number[]): Random {
    const random = new Random(0);
    [random.a, random.b, random.c, random.d] = state as [number, number, number, number];
    return random;
  }
}
