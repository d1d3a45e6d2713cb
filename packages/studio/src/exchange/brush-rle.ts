/**
 * Label Studio's brush masks: the bytes of an RGBA picture packed as a bit stream of runs. The stream begins with the number of values
 * (32 bits), the bits of a value less one (5), and four sizes of run lengths, each less one (4 bits each). Then follow blocks: one bit for
 * "repeated" or "each for itself", two for the size of the length, the length less one, and the value or values.
 */
import type { Rle } from '@adclick/core/geometry';
import { type Place, within, wrong } from './place.ts';

const SIZES = [3, 4, 8, 16] as const;
const CHANNELS = 4;
const ALPHA = 3;
const LONGEST = 2 ** SIZES[3];

class BitWriter {
  private readonly bytes: number[] = [];
  private used = 8;

  write(value: number, bits: number): void {
    for (let left = bits; left > 0; ) {
      if (this.used === 8) {
        this.bytes.push(0);
        this.used = 0;
      }
      const take = Math.min(left, 8 - this.used);
      const part = Math.floor(value / 2 ** (left - take)) & (2 ** take - 1);
      this.bytes[this.bytes.length - 1] |= part << (8 - this.used - take);
      this.used += take;
      left -= take;
    }
  }

  finish(): number[] {
    return this.bytes;
  }
}

class BitReader {
  private at = 0;

  constructor(
    private readonly bytes: readonly number[],
    private readonly place: Place,
  ) {}

  read(bits: number): number {
    if (this.at + bits > this.bytes.length * 8) throw wrong(this.place, 'the runs end too early');
    let value = 0;
    for (let left = bits; left > 0; ) {
      const inside = this.at % 8;
      const take = Math.min(left, 8 - inside);
      const byte = this.bytes[this.at >> 3];
      value = value * 2 ** take + ((byte >> (8 - inside - take)) & (2 ** take - 1));
      this.at += take;
      left -= take;
    }
    return value;
  }
}

/** A bitmap as Label Studio's numbers: all four channels 255 where it is set, 0 elsewhere. */
export function encodeBrush({ width, height, counts }: Rle): number[] {
  const out = new BitWriter();
  const total = width * height;
  out.write(total * CHANNELS, 32);
  out.write(8 - 1, 5);
  for (const size of SIZES) out.write(size - 1, 4);
  const run = (pixels: number, value: number) => {
    for (let left = pixels * CHANNELS; left > 0; ) {
      const length = Math.min(left, LONGEST);
      const size = SIZES.findIndex((bits) => length <= 2 ** bits);
      out.write(1, 1);
      out.write(size, 2);
      out.write(length - 1, SIZES[size]);
      out.write(value, 8);
      left -= length;
    }
  };
  let at = 0;
  counts.forEach((count, i) => {
    run(count, i % 2 === 1 ? 255 : 0);
    at += count;
  });
  run(total - at, 0);
  return out.finish();
}

/**
 * The pixels whose alpha is above one half, 1 a pixel that is set.
 * @throws ADC_EXCHANGE_FILE for a stream that is cut off or of another size.
 */
export function decodeBrush(bytes: readonly number[], width: number, height: number, place: Place): Uint8Array {
  const odd = bytes.findIndex((byte) => !Number.isInteger(byte) || byte < 0 || byte > 255);
  if (odd >= 0) throw wrong(within(place, odd), `${bytes[odd]} is no byte`);
  const stream = new BitReader(bytes, place);
  const total = stream.read(32);
  if (total !== width * height * CHANNELS)
    throw wrong(place, `it holds ${total} values; ${width} x ${height} pixels have ${width * height * CHANNELS}`);
  const bits = stream.read(5) + 1;
  if (bits !== 8) throw wrong(place, `its values have ${bits} bits; only 8 are known`);
  const sizes = SIZES.map(() => stream.read(4) + 1);
  const set = new Uint8Array(width * height);
  for (let at = 0; at < total; ) {
    const repeated = stream.read(1) === 1;
    const length = stream.read(sizes[stream.read(2)]) + 1;
    if (at + length > total) throw wrong(place, 'its runs are longer than the image');
    if (repeated) {
      if (stream.read(8) > 127) {
        const first = Math.ceil((at - ALPHA) / CHANNELS);
        const last = Math.floor((at + length - 1 - ALPHA) / CHANNELS);
        if (last >= first) set.fill(1, first, last + 1);
      }
    } else
      for (let i = at; i < at + length; i++) {
        const value = stream.read(8);
        if (i % CHANNELS === ALPHA && value > 127) set[(i - ALPHA) / CHANNELS] = 1;
      }
    at += length;
  }
  return set;
}
