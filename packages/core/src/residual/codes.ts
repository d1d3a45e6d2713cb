/** Codes of coordinates along axes: what they stand for, and how many share a byte. */
import { maskBits, shiftRight, slice, type Value } from '@adclick/ortgrad';

/** Levels of a code: four bits, or two. */
export type Levels = 16 | 4;

/** Axes that follow each other and have codes of as many bits. */
export interface CodedBand {
  /** Code c, one of so many, stands for (c - (levels - 1) / 2) steps. */
  readonly levels: Levels;
  /** Difference of neighbouring codes along each axis, (n). */
  readonly steps: Float32Array;
}

/** The code of a coordinate. */
export const codeOf = (value: number, step: number, levels: Levels): number =>
  Math.min(levels - 1, Math.max(0, Math.floor(value / step) + levels / 2));

/** What a code stands for. */
export const meantBy = (code: number, step: number, levels: Levels): number => (code - (levels - 1) / 2) * step;

/** Codes that share a byte. */
export const perByte = (levels: Levels): number => Math.log2(256) / Math.log2(levels);

/** Bytes of a token's codes along a band's axes. */
export const bandBytes = ({ levels, steps }: CodedBand): number => steps.length / perByte(levels);

/** Bytes of a token's codes along all axes. */
export const bytesOf = (bands: readonly CodedBand[]): number => bands.reduce((sum, band) => sum + bandBytes(band), 0);

/** Steps along all axes, (n). */
export const stepsOf = (bands: readonly CodedBand[]): Float32Array =>
  Float32Array.from(bands.flatMap(({ steps }) => [...steps]));

/**
 * The codes in bytes, uint8 (rows, bytes) -> values side by side, uint8 (rows, n) together: digit i / b of byte i % b of a band is the
 * code along its axis i.
 */
export function codesOn(bytes: Value, bands: readonly CodedBand[]): Value[] {
  let at = 0;
  return bands.flatMap((band) => {
    const own = slice(bytes, 1, at, at + bandBytes(band));
    at += bandBytes(band);
    const digits = perByte(band.levels);
    const bits = 8 / digits;
    return Array.from({ length: digits }, (_, i) => {
      const down = i > 0 ? shiftRight(own, i * bits) : own;
      return i < digits - 1 ? maskBits(down, band.levels - 1) : down;
    });
  });
}
