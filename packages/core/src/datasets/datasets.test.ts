/** Readers against made-up folders of every layout. */
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { folderOf } from '../../test/data-folder.ts';
import { readDefectMask } from './defect-mask.ts';
import { detectDataset, openCategory, withDefects } from './detect.ts';
import { naturalOrder } from './files.ts';
import { openDataset } from './mvtec.ts';
import { csvFields } from './visa.ts';

let root: string;
let png: ReturnType<typeof folderOf>['png'];
let text: ReturnType<typeof folderOf>['text'];
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'adclick-datasets-'));
  ({ png, text } = folderOf(root));
});
afterEach(() => rm(root, { recursive: true }));

const names = (paths: readonly string[]) => paths.map((path) => basename(path));

async function mvtecBottle(): Promise<void> {
  for (const name of ['10', '9', '100']) await png(`bottle/train/good/${name}.png`);
  await png('bottle/test/good/000.png');
  await png('bottle/test/scratch/2.png');
  await png('bottle/test/scratch/11.png');
  await png('bottle/test/broken/1.png');
  await png('bottle/ground_truth/scratch/2_mask.png', 255);
  await png('bottle/ground_truth/scratch/11_mask.png', 255);
  await png('bottle/ground_truth/broken/1.png', 255);
}

describe('MVTec layout', () => {
  test('lists normals, good test pictures and defects with their masks, in natural order', async () => {
    await mvtecBottle();
    await text('bottle/train/good/notes.txt', 'not a picture');
    await text('bottle/train/good/._9.png', 'left by another system');
    const bottle = await openDataset(root, 'bottle');
    expect(bottle).toMatchObject({ category: 'bottle', layout: 'mvtec' });
    expect(names(bottle.normals)).toEqual(['9.png', '10.png', '100.png']);
    expect(names(bottle.testGood)).toEqual(['000.png']);
    expect(bottle.defects.map(({ type, name, maskPaths }) => [type, name, ...names(maskPaths)])).toEqual([
      ['broken', '1', '1.png'],
      ['scratch', '2', '2_mask.png'],
      ['scratch', '11', '11_mask.png'],
    ]);
  });

  test('names what is missing', async () => {
    await mvtecBottle();
    await expect(openDataset(root, 'botle')).rejects.toMatchObject({
      code: 'ADC_DATASET',
      message: expect.stringContaining('no category botle; there are bottle'),
    });
    await expect(openDataset(join(root, 'nowhere'), 'bottle')).rejects.toMatchObject({ code: 'ADC_DATASET' });
    await rm(join(root, 'bottle/ground_truth/scratch/2_mask.png'));
    await expect(openDataset(root, 'bottle')).rejects.toMatchObject({
      code: 'ADC_DATASET',
      message: expect.stringContaining('2_mask.png'),
    });
    await rm(join(root, 'bottle/ground_truth'), { recursive: true });
    await expect(openDataset(root, 'bottle')).rejects.toMatchObject({
      message: expect.stringContaining('no folder ground_truth/broken'),
    });
    await rm(join(root, 'bottle/train'), { recursive: true });
    await expect(openDataset(root, 'bottle')).rejects.toMatchObject({
      message: expect.stringContaining('no folder train/good'),
    });
    await mkdir(join(root, 'bottle/train/good'), { recursive: true });
    await rm(join(root, 'bottle/test'), { recursive: true });
    await expect(openDataset(root, 'bottle')).rejects.toMatchObject({ code: 'ADC_NO_NORMALS' });
  });

  test('without test pictures there is nothing to evaluate on', async () => {
    await png('nut/train/good/1.png');
    const nut = await openDataset(root, 'nut');
    expect(nut.defects).toEqual([]);
    expect(() => withDefects(nut, root)).toThrow(expect.objectContaining({ code: 'ADC_DATASET' }));
  });
});

test('VisA: the split file divides good pictures, the annotation file names defect types, small mask values count', async () => {
  for (const name of ['0001', '0002', '0003']) await png(`candle/Data/Images/Normal/${name}.JPG`);
  await png('candle/Data/Images/Anomaly/000.JPG');
  await png('candle/Data/Images/Anomaly/001.JPG');
  await png('candle/Data/Masks/Anomaly/000.png', 3);
  await png('candle/Data/Masks/Anomaly/001.png', 1);
  await text(
    'split_csv/1cls.csv',
    'object,split,label,image,mask\r\ncandle,train,normal,candle/Data/Images/Normal/0001.JPG,\r\ncandle,test,normal,candle/Data/Images/Normal/0002.JPG,\r\nfryum,test,normal,fryum/Data/Images/Normal/0003.JPG,\r\n',
  );
  await text('candle/image_anno.csv', 'image,label,mask\ncandle/Data/Images/Anomaly/000.JPG,"wax, melted",x.png\n');
  const candle = await openCategory(root, 'candle');
  expect(candle.layout).toBe('visa');
  expect(names(candle.normals)).toEqual(['0001.JPG', '0003.JPG']);
  expect(names(candle.testGood)).toEqual(['0002.JPG']);
  expect(candle.defects.map(({ name, type }) => [name, type])).toEqual([
    ['000', 'wax, melted'],
    ['001', 'anomaly'],
  ]);
  const mask = await readDefectMask(candle.defects[0], { width: 4, height: 3 });
  expect(mask.data[5]).toBe(1);
});

test('KolektorSDD2: an empty mask means a good picture', async () => {
  const values = { 'train/10': 0, 'train/9': 0, 'train/11': 255, 'test/20': 255, 'test/21': 0 };
  for (const [path, value] of Object.entries(values)) {
    await png(`ksdd2/${path}.png`);
    await png(`ksdd2/${path}_GT.png`, value);
  }
  const dataset = await openCategory(root, 'ksdd2');
  expect(dataset.layout).toBe('ksdd2');
  expect(names(dataset.normals)).toEqual(['9.png', '10.png']);
  expect(names(dataset.testGood)).toEqual(['21.png']);
  expect(dataset.defects.map(({ name, split }) => [name, split])).toEqual([
    ['11', 'train'],
    ['20', 'test'],
  ]);
  await rm(join(root, 'ksdd2/test/20_GT.png'));
  await expect(openCategory(root, 'ksdd2')).rejects.toMatchObject({
    code: 'ADC_DATASET',
    message: expect.stringContaining('20_GT.png'),
  });
});

test('BTAD: pictures and masks may differ in extension', async () => {
  await png('01/train/ok/0.bmp');
  await png('01/test/ok/1.bmp');
  await png('01/test/ko/2.bmp');
  await png('01/ground_truth/ko/2.png', 255);
  const dataset = await openCategory(root, '01');
  expect(dataset).toMatchObject({ category: '01', layout: 'btad' });
  expect(dataset.defects).toMatchObject([
    { name: '2', type: 'ko', maskPaths: [join(root, '01/ground_truth/ko/2.png')] },
  ]);
});

test('a plain folder is all normals, and an unknown one says what was looked for', async () => {
  await png('parts/a2.png');
  await png('parts/a10.png');
  const dataset = await openCategory(join(root, 'parts'), '.');
  expect(dataset).toMatchObject({ category: 'parts', layout: 'folder', defects: [] });
  expect(names(dataset.normals)).toEqual(['a2.png', 'a10.png']);
  await mkdir(join(root, 'empty'));
  await expect(detectDataset(join(root, 'empty'))).rejects.toMatchObject({
    code: 'ADC_DATASET',
    message: expect.stringContaining('train/good'),
  });
});

test('natural order is total', () => {
  expect(['b', 'a10', 'a02', 'a2', 'a1'].sort(naturalOrder)).toEqual(['a1', 'a02', 'a2', 'a10', 'b']);
});

test.each([
  ['a,b', ['a', 'b']],
  [',a,,', ['', 'a', '', '']],
  ['"x, ""y""",z', ['x, "y"', 'z']],
])('CSV line %s', (line, fields) => {
  expect(csvFields(line)).toEqual(fields);
});
