import { decodeRle, encodeRle } from '@adclick/core/geometry';
import { expect, test } from 'vitest';
import { CLICKS_AT_ONCE } from '../api.ts';
import { candidateParts, NO_CANDIDATES } from './candidates.ts';

const [width, height] = [12, 5];

/** A plane from a drawing: digits are tenths, a dot is 0. */
const planeOf = (...rows: string[]) => ({
  data: Float32Array.from(rows.join(''), (sign) => (sign === '.' ? 0 : Number(sign) / 10)),
  ...{ width, height, channels: 1 as const },
});
/** Runs from a drawing: a hash is set. */
const runsOf = (...rows: string[]) =>
  encodeRle(
    Uint8Array.from(rows.join(''), (sign) => (sign === '#' ? 1 : 0)),
    width,
    height,
  );
const drawn = (rle: { width: number; height: number; counts: readonly number[] } | null) =>
  rle &&
  [...decodeRle(rle)]
    .map((set) => (set ? '#' : '.'))
    .join('')
    .match(/.{12}/g);

const NOTHING = runsOf('.'.repeat(width * height));
const LEFT_OUT = planeOf(
  '.6..........', //
  '7....566...8',
  '.....596....',
  '.....655....',
  '............',
);

test('parts are offered the largest first, each by its surest pixel', () => {
  const { rle, points } = candidateParts(LEFT_OUT, 0.49, NOTHING);
  expect(drawn(rle)).toEqual([
    '.#..........', //
    '#....###...#',
    '.....###....',
    '.....###....',
    '............',
  ]);
  expect(points).toEqual([
    { x: 6, y: 2 },
    { x: 0, y: 1 },
    { x: 11, y: 1 },
  ]);
  // A higher threshold takes less of them.
  expect(candidateParts(LEFT_OUT, 0.75, NOTHING).points).toEqual([
    { x: 11, y: 1 },
    { x: 6, y: 2 },
  ]);
  expect(candidateParts(LEFT_OUT, 0.95, NOTHING)).toEqual(NO_CANDIDATES);
});

test('pixels that are marked are no candidates, nor what is left of a part that is marked for the most part', () => {
  const marked = runsOf(
    '............', //
    '............',
    '.....##.....',
    '.....###....',
    '............',
  );
  // Five of nine are marked: the rest is another outline of the same.
  expect(drawn(candidateParts(LEFT_OUT, 0.49, marked).rle)?.slice(1, 4)).toEqual([
    '#..........#', //
    '............',
    '............',
  ]);
  const surest = runsOf(
    '............', //
    '............',
    '......##....',
    '............',
    '............',
  );
  const { rle, points } = candidateParts(LEFT_OUT, 0.49, surest);
  expect(drawn(rle)?.[2]).toBe('.....#......');
  expect(points[0]).toEqual({ x: 6, y: 1 });
  expect(candidateParts(LEFT_OUT, 0.49, runsOf('#'.repeat(width * height)))).toEqual(NO_CANDIDATES);
});

test('no more parts are offered than one action has clicks: the largest', () => {
  const side = 16;
  const data = Float32Array.from({ length: side * side }, (_, i) =>
    i % 2 === 0 && Math.floor(i / side) % 2 === 0 ? 0.6 : 0,
  );
  // The last of the 64 is larger than the others.
  data[side * side - 1] = 0.6;
  const empty = encodeRle(new Uint8Array(side * side), side, side);
  const { rle, points } = candidateParts({ data, width: side, height: side, channels: 1 }, 0.49, empty);
  const dashed = decodeRle(rle!);
  expect(points).toHaveLength(CLICKS_AT_ONCE);
  expect(points.every(({ x, y }) => dashed[y * side + x])).toBe(true);
  expect(dashed.reduce((sum, set) => sum + set, 0)).toBe(CLICKS_AT_ONCE + 1);
  expect(dashed[side * side - 1]).toBe(1);
});
