import { expect, test } from 'vitest';
import type { DefectImage } from '../datasets/types.ts';
import { splitDefects } from './splits.ts';

const defects = (type: string, count: number): DefectImage[] =>
  Array.from({ length: count }, (_, i) => {
    const name = String(i).padStart(3, '0');
    return { path: `test/${type}/${name}.png`, maskPath: '', type, name, split: 'test' };
  });
const names = (list: readonly DefectImage[]) => list.map(({ type, name }) => `${type}/${name}`);
const bottle = [...defects('broken_large', 20), ...defects('broken_small', 22), ...defects('contamination', 21)];

test('bottle gets the published picks, under the name of a copy too', () => {
  for (const category of ['bottle', 'mvtec_bottle']) {
    const { train, test: rest, picks } = splitDefects(category, bottle);
    expect(picks).toBe('published');
    expect(names(train)).toEqual([
      ...['008', '011', '013'].map((n) => `broken_large/${n}`),
      ...['002', '005', '008', '010', '021'].map((n) => `broken_small/${n}`),
      ...['002', '011'].map((n) => `contamination/${n}`),
    ]);
    expect(rest).toHaveLength(53);
    expect(new Set([...names(train), ...names(rest)]).size).toBe(63);
  }
});

test('others are shuffled as NumPy does, as is a published category whose pictures have other names', () => {
  const grid = defects('defect', 20);
  const { train, picks } = splitDefects('mvtec_grid', grid);
  expect(picks).toBe('shuffled');
  expect(names(train)).toEqual([1, 4, 6, 8, 10, 13, 17, 18, 19, 2].sort((a, b) => a - b).map((i) => names(grid)[i]));
  expect(splitDefects('bottle', bottle, { count: 5 })).toMatchObject({ picks: 'shuffled', train: { length: 5 } });
  expect(splitDefects('bottle', bottle, { seed: 1 }).picks).toBe('shuffled');
});

test('one defect at least is left to test on', () => {
  expect(splitDefects('x', defects('a', 3))).toMatchObject({ train: { length: 2 }, test: { length: 1 } });
  expect(splitDefects('x', defects('a', 3), { count: 0 })).toMatchObject({ train: { length: 0 }, test: { length: 3 } });
});
