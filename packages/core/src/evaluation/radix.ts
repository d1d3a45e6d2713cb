/** Exact ordering of float32 scores by radix sort: order-preserving integer keys, sorted in linear time. */

/** Bits of the two lower digits; the top digit has the remaining 10. */
const DIGIT_BITS = 11;
const DIGIT_COUNT = 1 << DIGIT_BITS;
const DIGIT_MASK = DIGIT_COUNT - 1;
const TOP_SHIFT = 2 * DIGIT_BITS;
const TOP_COUNT = 1 << (32 - TOP_SHIFT);

const INFINITY_BITS = 0x7f800000;
const SIGN = 0x80000000;

/** The bits of a float32 array, sharing its memory. */
export const floatBits = (values: Float32Array): Uint32Array =>
  new Uint32Array(values.buffer, values.byteOffset, values.length);

/** True for the bits of a NaN. */
export const isNanBits = (bits: number): boolean => (bits & 0x7fffffff) > INFINITY_BITS;

/**
 * An unsigned integer that orders as the float32 of the given bits does: `a < b` exactly when `key(a) < key(b)`.
 * Negative zero gets the key of zero. NaN has no order and must be kept out.
 */
export const orderKey = (bits: number): number =>
  bits < SIGN ? (bits | SIGN) >>> 0 : bits === SIGN ? SIGN : ~bits >>> 0;

/** Turns counts into the position where each digit's first element goes. */
function startsInPlace(counts: Uint32Array): void {
  let sum = 0;
  for (let digit = 0; digit < counts.length; digit++) {
    const count = counts[digit];
    counts[digit] = sum;
    sum += count;
  }
}

/** Where elements go in each of the three passes. */
function digitStarts(keys: Uint32Array): { low: Uint32Array; middle: Uint32Array; top: Uint32Array } {
  const low = new Uint32Array(DIGIT_COUNT);
  const middle = new Uint32Array(DIGIT_COUNT);
  const top = new Uint32Array(TOP_COUNT);
  for (let i = 0; i < keys.length; i++) {
    const key = keys[i];
    low[key & DIGIT_MASK]++;
    middle[(key >>> DIGIT_BITS) & DIGIT_MASK]++;
    top[key >>> TOP_SHIFT]++;
  }
  for (const counts of [low, middle, top]) startsInPlace(counts);
  return { low, middle, top };
}

/**
 * Sorted keys at 2 bytes each: those whose upper half is `h` are `low[starts[h] … starts[h + 1])`, in order of their
 * lower half.
 */
export interface PackedKeys {
  /** Lower halves. */
  readonly low: Uint16Array;
  /** 65537 positions. */
  readonly starts: Uint32Array;
}

/**
 * Sorts keys (three passes of 11, 11 and 10 bits) and packs them to half their size.
 * @param keys overwritten.
 */
export function packKeys(keys: Uint32Array): PackedKeys {
  const count = keys.length;
  const scratch = new Uint32Array(count);
  const place = digitStarts(keys);
  const starts = new Uint32Array(65537);
  for (let i = 0; i < count; i++) {
    const key = keys[i];
    scratch[place.low[key & DIGIT_MASK]++] = key;
    starts[key >>> 16]++;
  }
  startsInPlace(starts);
  for (let i = 0; i < count; i++) {
    const key = scratch[i];
    keys[place.middle[(key >>> DIGIT_BITS) & DIGIT_MASK]++] = key;
  }
  const low = new Uint16Array(count);
  for (let i = 0; i < count; i++) {
    const key = keys[i];
    low[place.top[key >>> TOP_SHIFT]++] = key; // a Uint16Array keeps the lower half
  }
  return { low, starts };
}

/** Sorts keys ascending and carries one number beside each; equal keys keep their order. Returns new arrays. */
export function sortWithPayload(
  keys: Uint32Array,
  payload: Uint32Array,
): { readonly keys: Uint32Array; readonly payload: Uint32Array } {
  const place = digitStarts(keys);
  let from = { keys: keys.slice(), payload: payload.slice() };
  let to = { keys: new Uint32Array(keys.length), payload: new Uint32Array(keys.length) };
  const passes = [
    { next: place.low, shift: 0 },
    { next: place.middle, shift: DIGIT_BITS },
    { next: place.top, shift: TOP_SHIFT },
  ];
  for (const { next, shift } of passes) {
    scatter(from, to, next, shift);
    [from, to] = [to, from];
  }
  return from;
}

interface Pairs {
  readonly keys: Uint32Array;
  readonly payload: Uint32Array;
}

function scatter(from: Pairs, to: Pairs, next: Uint32Array, shift: number): void {
  const { keys, payload } = from;
  for (let i = 0; i < keys.length; i++) {
    const key = keys[i];
    const at = next[(key >>> shift) & DIGIT_MASK]++;
    to.keys[at] = key;
    to.payload[at] = payload[i];
  }
}
