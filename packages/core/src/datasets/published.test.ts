/** Counts of the public data sets, what is said of one that is not whole, and of folders that are no category. */
import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { folderOf } from '../../test/data-folder.ts';
import { openCategory } from './detect.ts';
import { missingOf, mvtecName, PUBLISHED_SETS } from './published.ts';
import type { Dataset, DefectImage } from './types.ts';

const sums = (name: string) => {
  const rows = [...(PUBLISHED_SETS.find((set) => set.name === name)?.categories.values() ?? [])];
  const sum = (of: (row: (typeof rows)[number]) => number) => rows.reduce((total, row) => total + of(row), 0);
  return [rows.length, sum(({ good }) => good[0]), sum(({ good }) => good[1]), sum(({ defects }) => defects)];
};

test.each([
  // Totals as their makers state them, apart from the categories.
  ['MVTec AD', 15, 3629, 467, 1258],
  ['MPDD', 6, 888, 176, 282],
  ['MVTec 3D-AD', 10, 2656, 249, 948],
  ['MVTec LOCO AD', 5, 1772, 575, 993],
  ['VisA', 12, 8659, 962, 1200],
  ['BTAD', 3, 1799, 451, 290],
  ['DAGM 2007', 10, 7004, 6996, 2100],
  ['KolektorSDD2', 1, 2085, 894, 356],
  ['KolektorSDD', 1, 347, 0, 52],
])('%s: %d categories, %d good to train on, %d good to test on, %d defective', (name, ...totals) => {
  expect(sums(name)).toEqual(totals);
});

const MVTEC_TYPES = 73;
test('MVTec AD has 73 types of defect', () => {
  const rows = PUBLISHED_SETS[0].categories.values();
  expect([...rows].reduce((sum, { types = 0 }) => sum + types, 0)).toBe(MVTEC_TYPES);
});

test('categories of MVTec AD are known under the name of a copy too', () => {
  const names = ['mvtec_metal_nut', 'zipper', 'mvtec_bottle_900', 'mvtec_mvtec_bottle', 'tubes'];
  expect(names.map(mvtecName)).toEqual(['metal_nut', 'zipper', undefined, undefined, undefined]);
});

const dataset = (
  normals: number,
  testGood: number,
  defects: readonly number[],
  more: Partial<Dataset> = {},
): Dataset => ({
  category: 'bottle',
  layout: 'mvtec',
  normals: Array.from({ length: normals }, String),
  testGood: Array.from({ length: testGood }, String),
  defects: defects.flatMap((count, type) =>
    Array.from({ length: count }, (_, i): DefectImage => {
      return { path: '', type: String(type), name: String(i), maskPaths: [], split: 'test' };
    }),
  ),
  notes: [],
  ...more,
});

describe('what is missing', () => {
  test.each<[string, Dataset, string | undefined]>([
    ['nothing', dataset(209, 20, [20, 22, 21]), undefined],
    ['nothing where there is more', dataset(300, 40, [40, 40, 40, 1]), undefined],
    ['nothing of a category of somebody', dataset(1, 1, [1], { category: 'my_bottle' }), undefined],
    ['nothing of a copy, which may be smaller on purpose', dataset(1, 1, [1], { category: 'mvtec_bottle' }), undefined],
    ['nothing of another layout', dataset(1, 1, [1], { layout: 'visa' }), undefined],
    ['good pictures', dataset(208, 20, [20, 22, 21]), 'there are 208 of 209 good pictures to train on.'],
    ['a type', dataset(209, 20, [20, 43]), 'there are 2 of 3 types of defect.'],
    ['defects', dataset(209, 20, [20, 22, 20]), 'there are 62 of 63 pictures with a defect.'],
  ])('%s', (_, of, what) => {
    const said = missingOf(of);
    if (what === undefined) expect(said).toBeUndefined();
    else expect(said).toContain(`If this is bottle of MVTec AD, it is not whole: ${what}`);
  });
});

describe('a folder that is no category', () => {
  let root: string;
  let png: ReturnType<typeof folderOf>['png'];
  let text: ReturnType<typeof folderOf>['text'];
  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'adclick-strange-'));
    ({ png, text } = folderOf(root));
  });
  afterEach(() => rm(root, { recursive: true }));

  const says = async (category: string, what: RegExp, directory = root) =>
    expect(openCategory(directory, category)).rejects.toMatchObject({
      code: 'ADC_DATASET',
      message: expect.stringMatching(what),
      next: expect.stringContaining('Unpack the data set again'),
    });
  const categories = async (...names: readonly string[]) => {
    for (const name of names) await png(`${name}/train/good/0.png`);
  };

  test('is the folder around categories, of a data set that is known or not', async () => {
    await categories('bottle', 'cable');
    await says('.', /holds categories of MVTec AD, bottle, cable: name one/);
    await says('pasta', /no category pasta; there are bottle, cable/);
    await says('tubes', /the folder is MVTec AD \(bottle, cable\), and tubes is of MPDD/);
    await rename(join(root, 'bottle'), join(root, 'mine'));
    await says('.', /holds categories of the layout of MVTec AD, cable, mine/);
  });

  test('holds the data set one folder deeper', async () => {
    await png('KolektorSDD2/train/1.png');
    await png('KolektorSDD2/train/1_GT.png');
    await says('.', /holds a category of the layout of KolektorSDD2, KolektorSDD2: name/);
  });

  test('is a category where one was to be named', async () => {
    await png('bottle/train/good/0.png');
    await says(
      'bottle',
      /the folder is itself a category, in the layout of MVTec AD; call it \./,
      join(root, 'bottle'),
    );
  });

  test('holds an archive', async () => {
    await text('bottle/bottle.tar.xz', '');
    await says('bottle', /bottle\.tar\.xz in it is not unpacked/);
  });

  test('is half unpacked', async () => {
    await png('bottle/test/good/0.png');
    await mkdir(join(root, 'bottle/ground_truth'));
    await says('bottle', /no train\/good, .*only ground_truth, test: it is half unpacked, or folders were renamed/);
  });

  test('has renamed parts', async () => {
    await png('bottle/TRAIN/good/0.png');
    await png('bottle/Ground-Truth/dent/0.png');
    await says('bottle', /are its folders renamed, .*Ground-Truth for ground_truth/);
  });

  test('has masks of a type whose pictures are missing', async () => {
    await png('nut/train/good/0.png');
    await png('nut/ground_truth/dent/0_mask.png', 255);
    await says('nut', /no folder test\/dent for the masks in ground_truth\/dent/);
  });

  test('is empty', async () => {
    await mkdir(join(root, 'nut'));
    await says('nut', /no train\/good, train\/ok/);
  });
});
