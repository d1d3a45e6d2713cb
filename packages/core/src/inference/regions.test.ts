import { expect, test } from 'vitest';
import type { Plane } from '../image/types.ts';
import { regionMask, regionsOf } from './regions.ts';

/** Rows of digits, each a tenth. */
const plane = (...rows: string[]): Plane => ({
  data: Float32Array.from([...rows.join('')].map((digit) => Number(digit) / 10)),
  width: rows[0].length,
  height: rows.length,
  channels: 1,
});
const map = plane('90050', '09055', '00000', '70066');

test('regions join at corners, lie above the threshold, and come largest first', () => {
  const regions = regionsOf(map, 0.45, 2);
  expect(regions.map(({ area }) => area)).toEqual([3, 2, 2]);
  expect(regions.map(({ value }) => Number(value.toFixed(1)))).toEqual([0.5, 0.9, 0.6]);
  expect(regions[0].peak).toMatchObject({ x: 3, y: 0 });
  expect(regionsOf(map, 0.5, 1).map(({ area }) => area)).toEqual([2, 2, 1]);
});

test('their mask holds their pixels and nothing that was left out', () => {
  const { data, width, height } = regionMask(map, 0.45, 2);
  const rows = Array.from({ length: height }, (_, y) => data.slice(y * width, (y + 1) * width).join(''));
  expect(rows).toEqual(['10010', '01011', '00000', '00011']);
});
