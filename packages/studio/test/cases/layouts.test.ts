/** Public data sets in layouts of their own: measured as any other, and taken into projects. */
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { MaskFolderStore } from '../../src/exchange/label-store.ts';
import { categoriesOf, openOrInit } from '../../src/project/categories.ts';
import { countPictures } from '../../src/project/category-pictures.ts';
import { detectLayout } from '../../src/project/layout.ts';
import { evaluateCategory } from '../../src/workbench/click-evaluation.ts';
import { evaluateDetector } from '../../src/workbench/detector-evaluation.ts';
import { evaluateMaps } from '../../src/workbench/map-evaluation.ts';
import { temporaryFolder } from '../sample.ts';
import { writeFiles } from './data-sets.ts';

interface Example {
  readonly category: string;
  readonly files: Readonly<Record<string, string>>;
  /** Good and defective pictures that are tested. */
  readonly tested: readonly [good: number, defects: number];
  /** Good pictures, others and masks of a project. */
  readonly project: readonly [good: number, test: number, masks: number];
  /** Pictures of it whose masks say that they have a defect. */
  readonly labels: number;
}

const EXAMPLES: Readonly<Record<string, Example>> = {
  'MVTec LOCO AD': {
    category: 'pushpins',
    files: {
      'pushpins/train/good/{0..3}.png': 'good',
      'pushpins/test/good/{4..5}.png': 'good',
      'pushpins/test/logical_anomalies/{0..1}.png': 'bad',
      'pushpins/ground_truth/logical_anomalies/0/000.png': 'mask',
      'pushpins/ground_truth/logical_anomalies/0/001.png': 'mask',
      'pushpins/ground_truth/logical_anomalies/1/000.png': 'mask',
    },
    tested: [2, 2],
    project: [4, 4, 3],
    labels: 2,
  },
  'MVTec 3D-AD': {
    category: 'rope',
    files: {
      'rope/train/good/rgb/{0..3}.png': 'good',
      'rope/test/good/rgb/{4..5}.png': 'good',
      'rope/test/good/gt/{4..5}.png': 'black',
      'rope/test/hole/rgb/{0..1}.png': 'bad',
      'rope/test/hole/gt/{0..1}.png': 'mask',
    },
    tested: [2, 2],
    project: [4, 4, 4],
    labels: 2,
  },
  KolektorSDD: {
    category: '.',
    files: {
      'kos0{1..5}/Part0.jpg': 'good',
      'kos0{1..5}/Part0_label.bmp': 'black',
      'kos0{1..5}/Part1.jpg': 'good',
      'kos0{1..5}/Part1_label.bmp': 'black',
      'kos0{1..2}/Part2.jpg': 'bad',
      'kos0{1..2}/Part2_label.bmp': 'mask',
    },
    tested: [2, 2],
    project: [10, 2, 12],
    labels: 2,
  },
  'DAGM 2007': {
    category: 'Class1',
    files: {
      'Class1/Train/057{0..3}.PNG': 'good',
      'Class1/Train/0580.PNG': 'bad',
      'Class1/Train/Label/0580_label.PNG': 'mask',
      'Class1/Train/Label/Labels.txt': '1\n1\t1\t0580.PNG\t0\t0580_label.PNG\n',
      'Class1/Test/000{1..2}.PNG': 'good',
      'Class1/Test/000{3..4}.PNG': 'bad',
      'Class1/Test/Label/000{3..4}_label.PNG': 'mask',
      'Class1/Test/Label/Labels.txt': '1\n3\t1\t0003.PNG\t0\t0003_label.PNG\n',
    },
    tested: [2, 2],
    project: [4, 5, 3],
    labels: 3,
  },
};

describe.each(Object.entries(EXAMPLES))('%s', (_, { category, files, tested: [good, defects], project, labels }) => {
  test('is measured by clicks, as a detector, and by the maps that this one wrote', async () => {
    const root = await writeFiles(join(await temporaryFolder(), 'data'), files);
    const asked = { data: root, category, leaveOut: 0 };
    const maps = join(root, '../maps');
    const detection = await evaluateDetector({ ...asked, labels: 0, pixels: 128, maps });
    expect([detection.images, detection.defects]).toEqual([good + defects, defects]);
    expect(detection.notes.join(' ')).toMatch(/^(If this is|$)/);
    const again = await evaluateMaps({ ...asked, maps });
    expect([again.ap, again.pro, again.iauroc]).toEqual([detection.ap, detection.pro, detection.iauroc]);
    expect(again.notes).toEqual(expect.arrayContaining([...detection.notes]));
    const clicks = await evaluateCategory({ ...asked, clicks: 1, pixels: 128, limit: 2 });
    expect([clicks.images, clicks.notes]).toEqual([2, detection.notes.slice(0, clicks.notes.length)]);
  });

  test('becomes a project', async () => {
    const root = await writeFiles(join(await temporaryFolder(), 'data'), files);
    const { masks } = await detectLayout(root);
    const { project: opened } = await openOrInit(root);
    const counts = await countPictures(opened, categoriesOf(opened)[0]);
    expect([counts.good, counts.test, ...masks.values()]).toEqual(project);
    let labelled = 0;
    for await (const { state } of (await MaskFolderStore.open(opened)).images()) if (state === 'defect') labelled++;
    expect(labelled).toBe(labels);
  });
});
