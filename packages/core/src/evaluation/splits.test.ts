import { describe, expect, test } from 'vitest';
import type { DefectImage } from '../datasets/types.ts';
import { splitDefects } from './splits.ts';

const defects = (type: string, count: number): DefectImage[] =>
  Array.from({ length: count }, (_, i) => {
    const name = String(i).padStart(3, '0');
    return { path: `test/${type}/${name}.png`, maskPaths: [], type, name, split: 'test' };
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

describe('a data set that has defects for both uses', () => {
  const PICKS = '10774 11025 10661 11040 10648 11230 10952 11363 11506 11905'.split(' ').sort();
  const half = (split: 'train' | 'test', from: number, count: number): DefectImage[] =>
    Array.from({ length: count }, (_, i) => {
      const name = String(from + i);
      return { path: `${split}/${name}.png`, maskPaths: [], type: 'defect', name, split };
    });
  const ksdd2 = [...half('train', 10_000, 2331), ...half('test', 20_000, 110)];

  test('KolektorSDD2 gets the published picks, and its whole test half is tested', () => {
    const { train, test: rest, picks } = splitDefects('.', ksdd2);
    expect(picks).toBe('published');
    expect(train.map(({ name }) => name)).toEqual(PICKS);
    expect(rest).toEqual(ksdd2.slice(2331));
  });

  test('others are shuffled, and defects for training are never tested', () => {
    const class1 = [...half('train', 600, 12), ...half('test', 1, 5)];
    const { train, test: rest, picks } = splitDefects('Class1', class1);
    expect([train.length, picks]).toEqual([10, 'shuffled']);
    expect(rest).toEqual(class1.slice(12));
    const few = splitDefects('Class1', [...half('train', 600, 3), ...half('test', 1, 5)]);
    expect([few.train.length, few.test.length]).toEqual([3, 5]);
    expect(splitDefects('Class1', class1, { count: 0 })).toMatchObject({ train: [], test: { length: 5 } });
  });

  test('one half alone is split as any other', () => {
    expect(splitDefects('x', half('train', 0, 12))).toMatchObject({ train: { length: 10 }, test: { length: 2 } });
  });
});

test('one defect at least is left to test on', () => {
  expect(splitDefects('x', defects('a', 3))).toMatchObject({ train: { length: 2 }, test: { length: 1 } });
  expect(splitDefects('x', defects('a', 3), { count: 0 })).toMatchObject({ train: { length: 0 }, test: { length: 3 } });
});
