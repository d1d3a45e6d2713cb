import { join } from 'node:path';
import { expect, test } from 'vitest';
import { writeFiles } from '../../test/cases/data-sets.ts';
import { temporaryFolder } from '../../test/sample.ts';
import { categoriesOf } from './categories.ts';
import { countPictures } from './category-pictures.ts';
import { isPictureName } from './folder-names.ts';
import { detectLayout } from './layout.ts';
import { type CategorySettings, PROJECT_FILE, writeProject } from './project.ts';

interface Case {
  readonly name: string;
  readonly files: Readonly<Record<string, string>>;
  readonly kind?: RegExp;
  readonly categories: Readonly<Record<string, Partial<CategorySettings>>>;
  /** Good pictures, pictures to look at and masks of each category. */
  readonly counts: Readonly<Record<string, readonly [number, number, number]>>;
  readonly leftOut?: readonly string[];
}

const CASES: readonly Case[] = [
  {
    name: 'MVTec AD, one category',
    files: {
      'train/good/{0..2}.png': 'good',
      'test/good/0.png': 'good',
      'test/dent/{0..1}.png': 'bad',
      'test/cut/0.png': 'bad',
      'ground_truth/dent/{0..1}_mask.png': 'mask',
      'ground_truth/cut/0_mask.png': 'mask',
    },
    kind: /^one category in the layout of MVTec AD$/,
    categories: { root: { good: ['train/good'], test: ['test'], masks: 'ground_truth', defects: ['cut', 'dent'] } },
    counts: { root: [3, 4, 3] },
  },
  {
    name: 'MVTec AD, several categories, with names that mean something elsewhere',
    files: Object.fromEntries(
      ['good', 'train', 'ground_truth', 'mask', 'nut_mask'].flatMap((name) => [
        [`${name}/train/good/{0..1}.png`, 'good'],
        [`${name}/test/bad/{0..2}.png`, 'bad'],
        [`${name}/ground_truth/bad/{0..2}_mask.png`, 'mask'],
      ]),
    ),
    kind: /^5 categories in the layout of MVTec AD$/,
    categories: {
      good: { good: ['good/train/good'], test: ['good/test'], masks: 'good/ground_truth' },
      train: { good: ['train/train/good'], test: ['train/test'], masks: 'train/ground_truth' },
      ground_truth: { masks: 'ground_truth/ground_truth', defects: ['bad'] },
      mask: { good: ['mask/train/good'], test: ['mask/test'] },
      nut_mask: { good: ['nut_mask/train/good'] },
    },
    counts: { good: [2, 3, 3], train: [2, 3, 3], ground_truth: [2, 3, 3], mask: [2, 3, 3], nut_mask: [2, 3, 3] },
  },
  {
    name: 'MVTec AD without masks, and what is left out',
    files: {
      'bottle/train/good/{0..1}.png': 'good',
      'bottle/test/crack/0.png': 'bad',
      'grid/train/good/{0..1}.png': 'good',
      'notes/readme.txt': 'text',
      'photos/{0..2}.png': 'good',
      'bottle/results/0.png': 'bad',
    },
    kind: /^2 categories/,
    categories: { bottle: { test: ['bottle/test'] }, grid: { good: ['grid/train/good'], test: [], defects: [] } },
    counts: { bottle: [2, 1, 0], grid: [2, 0, 0] },
    leftOut: ['bottle/results', 'photos'],
  },
  {
    name: 'MVTec LOCO AD: a folder of masks a picture',
    files: {
      'box/train/good/{0..1}.png': 'good',
      'box/validation/good/0.png': 'good',
      'box/test/good/0.png': 'good',
      'box/test/logical_anomalies/{0..1}.png': 'bad',
      'box/test/structural_anomalies/0.png': 'bad',
      'box/ground_truth/logical_anomalies/0/{0..1}.png': 'mask',
      'box/ground_truth/logical_anomalies/1/0.png': 'mask',
      'box/ground_truth/structural_anomalies/0/0.png': 'mask',
      'box/defects_config.json': 'text',
    },
    kind: /MVTec LOCO AD/,
    categories: {
      box: {
        good: ['box/train/good', 'box/validation/good'],
        test: ['box/test'],
        masks: 'box/ground_truth',
        defects: ['logical_anomalies', 'structural_anomalies'],
      },
    },
    counts: { box: [3, 4, 4] },
  },
  {
    name: 'MVTec 3D-AD: pictures, point clouds and masks in folders of their own',
    files: {
      'bagel/train/good/rgb/{0..1}.png': 'good',
      'bagel/train/good/xyz/{0..1}.tiff': 'good',
      'bagel/validation/good/rgb/2.png': 'good',
      'bagel/test/good/rgb/0.png': 'good',
      'bagel/test/good/gt/0.png': 'black',
      'bagel/test/crack/rgb/{0..1}.png': 'bad',
      'bagel/test/crack/xyz/{0..1}.tiff': 'bad',
      'bagel/test/crack/gt/{0..1}.png': 'mask',
    },
    kind: /MVTec 3D-AD/,
    categories: {
      bagel: {
        good: ['bagel/train/good/rgb', 'bagel/validation/good/rgb'],
        test: ['bagel/test/*/rgb'],
        masks: 'bagel/test/*/gt',
        defects: ['crack'],
      },
    },
    counts: { bagel: [3, 3, 3] },
    leftOut: ['bagel/test/crack/xyz', 'bagel/train/good/xyz'],
  },
  {
    name: 'MVTec AD 2: masks among the test pictures',
    files: {
      'can/train/good/{0..1}_regular.png': 'good',
      'can/validation/good/2_regular.png': 'good',
      'can/test_public/good/0_regular.png': 'good',
      'can/test_public/bad/{0..1}_regular.png': 'bad',
      'can/test_public/ground_truth/bad/{0..1}_regular_mask.png': 'mask',
      'can/test_private/{0..2}_regular.png': 'bad',
    },
    kind: /MVTec AD 2/,
    categories: {
      can: {
        test: ['can/test_private', 'can/test_public/bad', 'can/test_public/good'],
        masks: 'can/test_public/ground_truth',
      },
    },
    counts: { can: [3, 6, 2] },
  },
  {
    name: 'BTAD',
    files: {
      '01/train/ok/{0..2}.bmp': 'good',
      '01/test/ok/3.bmp': 'good',
      '01/test/ko/{4..5}.bmp': 'bad',
      '01/ground_truth/ko/{4..5}.png': 'mask',
      '02/train/ok/{0..1}.png': 'good',
      '02/test/ko/2.png': 'bad',
      '02/ground_truth/ko/2.png': 'mask',
    },
    kind: /^2 categories in the layout of BTAD$/,
    categories: {
      '01': { good: ['01/train/ok'], test: ['01/test'], masks: '01/ground_truth', defects: ['ko'] },
      '02': { good: ['02/train/ok'] },
    },
    counts: { '01': [3, 3, 2], '02': [2, 1, 1] },
  },
  {
    name: 'VisA, divided by its table',
    files: {
      'candle/Data/Images/Normal/{0..3}.JPG': 'good',
      'candle/Data/Images/Anomaly/{0..1}.JPG': 'bad',
      'candle/Data/Masks/Anomaly/{0..1}.png': 'mask',
      'candle/image_anno.csv': 'image,label,mask\n',
      'pcb1/Data/Images/Normal/{0..1}.JPG': 'good',
      'pcb1/Data/Images/Anomaly/0.JPG': 'bad',
      'pcb1/Data/Masks/Anomaly/0.png': 'mask',
      'split_csv/1cls.csv': 'object,split,label,image,mask\ncandle,test,normal,candle/Data/Images/Normal/3.JPG,\n',
    },
    kind: /^2 categories in the layout of VisA$/,
    categories: {
      candle: {
        good: ['candle/Data/Images/Normal'],
        test: ['candle/Data/Images/Anomaly', 'candle/Data/Images/Normal/3.JPG'],
        masks: 'candle/Data/Masks',
        defects: ['Anomaly'],
      },
      pcb1: { good: ['pcb1/Data/Images/Normal'], test: ['pcb1/Data/Images/Anomaly'] },
    },
    counts: { candle: [3, 3, 2], pcb1: [2, 1, 1] },
  },
  {
    name: 'VisA as converted to MVTec AD, one folder deeper',
    files: {
      '1cls/candle/train/good/{0..1}.JPG': 'good',
      '1cls/candle/test/good/0.JPG': 'good',
      '1cls/candle/test/bad/0.JPG': 'bad',
      '1cls/candle/ground_truth/bad/0.png': 'mask',
    },
    categories: { candle: { good: ['1cls/candle/train/good'], masks: '1cls/candle/ground_truth', defects: ['bad'] } },
    counts: { candle: [2, 2, 1] },
  },
  {
    name: 'KolektorSDD: parts in numbered folders, masks beside them',
    files: {
      'kos01/Part0.jpg': 'good',
      'kos01/Part0_label.bmp': 'black',
      'kos01/Part1.jpg': 'bad',
      'kos01/Part1_label.bmp': 'mask',
      'kos02/Part{0..1}.jpg': 'good',
      'kos02/Part{0..1}_label.bmp': 'black',
    },
    kind: /KolektorSDD$/,
    categories: { root: { good: ['kos01', 'kos02'], test: ['kos01/Part1.jpg'], defects: [] } },
    counts: { root: [3, 1, 4] },
  },
  {
    name: 'KolektorSDD2: masks beside the pictures of both halves',
    files: {
      'train/1000{0..2}.png': 'good',
      'train/1000{0..2}_GT.png': 'black',
      'train/10003.png': 'bad',
      'train/10003_GT.png': 'mask',
      'test/20000.png': 'bad',
      'test/20000_GT.png': 'mask',
      'test/20001.png': 'good',
      'test/20001_GT.png': 'black',
    },
    kind: /KolektorSDD2$/,
    categories: { root: { good: ['train'], test: ['test', 'train/10003.png'], defects: [] } },
    counts: { root: [3, 3, 6] },
  },
  {
    name: 'Real-IAD: samples in folders, masks with the name of their picture',
    files: {
      'realiad_256/audiojack/OK/S0001/a_C{1..3}.jpg': 'good',
      'realiad_256/audiojack/OK/S0002/b_C{1..2}.jpg': 'good',
      'realiad_256/audiojack/NG/BX/S0011/c_C{1..2}.jpg': 'bad',
      'realiad_256/audiojack/NG/BX/S0011/c_C{1..2}.png': 'mask',
      'realiad_256/audiojack/NG/HS/S0012/d_C1.jpg': 'bad',
      'realiad_256/audiojack/NG/HS/S0012/d_C1.png': 'mask',
    },
    categories: {
      audiojack: {
        good: ['realiad_256/audiojack/OK/**'],
        test: ['realiad_256/audiojack/NG/**/*.jpg'],
        defects: ['BX', 'HS'],
      },
    },
    counts: { audiojack: [5, 3, 3] },
  },
  {
    name: "anomalib's folders",
    files: {
      'good/{0..3}.jpg': 'good',
      'crack/{0..1}.jpg': 'bad',
      'colour/0.jpg': 'bad',
      'mask/crack/{0..1}.jpg': 'mask',
      'mask/colour/0.jpg': 'mask',
    },
    kind: /^folders named by what they hold$/,
    categories: { root: { good: ['good'], test: ['colour', 'crack'], masks: 'mask', defects: ['colour', 'crack'] } },
    counts: { root: [4, 3, 3] },
  },
  {
    name: "anomalib's folders with one of masks, and test pictures of their own",
    files: {
      'normal/{0..2}.png': 'good',
      'normal_test/{0..1}.png': 'good',
      'Abnormal/{0..2}.png': 'bad',
      'abnormal_masks/{0..2}.png': 'mask',
    },
    categories: {
      root: { good: ['normal'], test: ['Abnormal', 'normal_test'], masks: 'abnormal_masks', defects: ['Abnormal'] },
    },
    counts: { root: [3, 5, 3] },
  },
  {
    name: 'names in any case, several categories',
    files: {
      'Cap/OK/{0..1}.PNG': 'good',
      'Cap/NG/0.TIF': 'bad',
      'Nut/Good/{0..1}.JPG': 'good',
      'Nut/Defect/0.JPG': 'bad',
      'Bolt/NORMAL/{0..1}.bmp': 'good',
      'Bolt/Anomaly/{0..2}.bmp': 'bad',
    },
    kind: /^3 categories/,
    categories: {
      Cap: { good: ['Cap/OK'], test: ['Cap/NG'], defects: ['NG'] },
      Nut: { good: ['Nut/Good'], test: ['Nut/Defect'] },
      Bolt: { good: ['Bolt/NORMAL'], test: ['Bolt/Anomaly'] },
    },
    counts: { Cap: [2, 1, 0], Nut: [2, 1, 0], Bolt: [2, 3, 0] },
  },
  {
    name: 'a defect called mask, and one called label',
    files: {
      'train/good/{0..1}.png': 'good',
      'test/good/{0..1}.png': 'good',
      'test/mask/{0..1}.png': 'bad',
      'test/label/{0..1}.png': 'bad',
      'ground_truth/mask/{0..1}_mask.png': 'mask',
    },
    categories: { root: { test: ['test'], masks: 'ground_truth', defects: ['label', 'mask'] } },
    counts: { root: [2, 6, 2] },
  },
  {
    name: 'a defect called mask in plain folders',
    files: { 'ok/{0..2}.png': 'good', 'mask/{0..1}.png': 'bad', 'scratch/{5..6}.png': 'bad' },
    categories: { root: { good: ['ok'], test: ['mask', 'scratch'], defects: ['mask', 'scratch'] } },
    counts: { root: [3, 4, 0] },
  },
  {
    name: 'pictures and masks side by side: what is marked is looked at',
    files: { 'images/{0..4}.png': 'good', 'masks/{0..2}.png': 'black', 'masks/{3..4}.png': 'mask' },
    categories: { root: { good: ['images'], test: ['images/3.png', 'images/4.png'], masks: 'masks' } },
    counts: { root: [3, 2, 5] },
  },
  {
    name: 'DAGM: masks one folder below, of defective pictures only',
    files: {
      'Class1/Train/{1..3}.PNG': 'good',
      'Class1/Train/4.PNG': 'bad',
      'Class1/Train/Label/4_label.PNG': 'mask',
      'Class1/Test/{1..2}.PNG': 'bad',
      'Class1/Test/Label/{1..2}_label.PNG': 'mask',
    },
    categories: {
      Class1: { good: ['Class1/Train'], test: ['Class1/Test', 'Class1/Train/4.PNG'], masks: 'Class1/*/Label' },
    },
    counts: { Class1: [3, 3, 3] },
  },
  {
    name: 'pictures only, with a folder of defects',
    files: { '{0..2}.PNG': 'good', '3.jpeg': 'good', 'bad/0.png': 'bad', 'old/{0..1}.png': 'good' },
    kind: /^pictures in one folder, all taken as good$/,
    categories: { root: { good: ['.'], test: ['bad'], defects: ['bad'] } },
    counts: { root: [4, 1, 0] },
    leftOut: ['old'],
  },
  {
    name: 'hidden files, exports and foreign folders are none of it',
    files: {
      'OK/{0..1}.jpg': 'good',
      'OK/._0.jpg': 'text',
      'scratch/0.jpg': 'bad',
      '.hidden/x.png': 'good',
      '__MACOSX/OK/._0.jpg': 'text',
      'export/adclick-export.json': '{}',
      'export/good/0.png': 'good',
    },
    categories: { root: { good: ['OK'], test: ['scratch'] } },
    counts: { root: [2, 1, 0] },
  },
];

test.each(CASES)('$name', async ({ files, kind, categories, counts, leftOut = [] }) => {
  const root = join(await temporaryFolder(), 'root');
  await writeFiles(root, files);
  const found = await detectLayout(root);
  expect(found.categories).toMatchObject(categories);
  expect(Object.keys(found.categories).sort()).toEqual(Object.keys(categories).sort());
  if (kind) expect(found.kind).toMatch(kind);
  expect(found.leftOut.map(({ folder }) => folder)).toEqual(leftOut);
  const project = await writeProject(join(root, PROJECT_FILE), { categories: { ...found.categories } });
  for (const category of categoriesOf(project)) {
    const { good, test } = await countPictures(project, category);
    expect([good, test, found.masks.get(category.name)], category.name).toEqual(counts[category.name]);
  }
});

test('nothing that could be good pictures says what there is', async () => {
  const folder = await writeFiles(await temporaryFolder(), {
    'scratch/0.png': 'bad',
    'dent/0.png': 'bad',
    'notes.txt': 'text',
  });
  await expect(detectLayout(folder)).rejects.toMatchObject({
    code: 'ADC_NO_NORMALS',
    message: expect.stringContaining('dent, scratch'),
  });
});

test('no folder', async () => {
  await expect(detectLayout(join(await temporaryFolder(), 'nowhere'))).rejects.toMatchObject({
    code: 'ADC_FOLDER_MISSING',
  });
});

test('picture names', () => {
  expect(['a.png', 'b.TIF', '.c.png', 'd.txt', 'png'].map(isPictureName)).toEqual([true, true, false, false, false]);
});
