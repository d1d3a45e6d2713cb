/** Which pictures are seen, which folders are understood, and whose detector is whose. */
import { existsSync } from 'node:fs';
import { copyFile, mkdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Detector, ReferenceIndex } from '@adclick/core';
import { rleArea } from '@adclick/core/geometry';
import { readCard } from '@adclick/core/models';
import { Runtime } from '@adclick/ortgrad';
import { describe, expect, test } from 'vitest';
import type { ImagePage, ProjectInfo } from '../../src/api.ts';
import { openChoice, openDetector } from '../../src/detectors/choice.ts';
import { type PredictLine, predictPictures } from '../../src/detectors/predicting.ts';
import { MaskFolderStore } from '../../src/exchange/label-store.ts';
import { categoriesOf, openOrInit } from '../../src/project/categories.ts';
import { goodPictures } from '../../src/project/category-pictures.ts';
import { keepTrained, trainedDetector } from '../../src/project/detector-files.ts';
import type { PassedOver } from '../../src/project/finding.ts';
import { openProject, PROJECT_FILE, type Project, writeProject } from '../../src/project/project.ts';
import { serve } from '../../src/server/listen.ts';
import { adclick, type Ended } from '../command.ts';
import { temporaryFolder } from '../sample.ts';
import { Client, startServer } from '../serving.ts';
import { writeFiles } from './data-sets.ts';

const answer = <Answer>({ code, stdout, stderr }: Ended): Answer => {
  expect(code, stderr).toBe(0);
  return JSON.parse(stdout) as Answer;
};

/** The smallest pictures that models see. */
async function shrink(root: string): Promise<void> {
  const file = join(root, PROJECT_FILE);
  await writeFile(file, (await readFile(file, 'utf8')).replace('pixels: auto', 'pixels: 128'));
}

interface InitAnswer {
  readonly layout: string;
  readonly found: Readonly<Record<string, { good: number; test: number; masks: number; passedOver: PassedOver[] }>>;
  readonly leftOut: readonly { folder: string; files: number }[];
}

describe('init, then index', () => {
  test.each([
    [
      'KolektorSDD2',
      {
        'train/1{0..2}.png': 'good',
        'train/1{0..2}_GT.png': 'black',
        'train/13.png': 'bad',
        'train/13_GT.png': 'mask',
        'test/20.png': 'bad',
        'test/20_GT.png': 'mask',
      },
      { root: { good: 3, test: 2, masks: 5 } },
      [],
    ],
    [
      'BTAD with a name that is none on Windows',
      {
        'CON/train/ok/{0..2}.png': 'good',
        'CON/test/ko/{3..4}.png': 'bad',
        'CON/ground_truth/ko/{3..4}.png': 'mask',
        'extra/{0..1}.png': 'good',
      },
      { CON: { good: 3, test: 2, masks: 2 } },
      [{ folder: 'extra', files: 2 }],
    ],
    [
      'MVTec 3D-AD',
      {
        'bagel/train/good/rgb/{0..1}.png': 'good',
        'bagel/train/good/xyz/{0..1}.tiff': 'good',
        'bagel/test/hole/rgb/{0..1}.png': 'bad',
        'bagel/test/hole/gt/{0..1}.png': 'mask',
      },
      { bagel: { good: 2, test: 2, masks: 2 } },
      [{ folder: 'bagel/train/good/xyz', files: 2 }],
    ],
  ])('%s', async (_, files, counts, leftOut) => {
    const root = await writeFiles(join(await temporaryFolder(), 'root'), files);
    const made = answer<InitAnswer>(await adclick(['init', root, '--yes', '--json']));
    expect(made.found).toMatchObject(counts);
    expect(made.leftOut).toEqual(leftOut);
    await shrink(root);
    const { indexes } = answer<{ indexes: { category: string; pictures: number }[] }>(
      await adclick(['index', root, '--json']),
    );
    expect(Object.fromEntries(indexes.map(({ category, pictures }) => [category, pictures]))).toEqual(
      Object.fromEntries(Object.entries(counts).map(([name, { good }]) => [name, good])),
    );
  });

  test('says in words what was found, what was passed over, and what was left out', async () => {
    const root = await writeFiles(join(await temporaryFolder(), 'root'), {
      'Good/{0..2}.png': 'good',
      'Good/3.png': 'empty',
      'Good/4.heic': 'text',
      'NG/{0..1}.png': 'bad',
      'mask/NG/{0..1}.png': 'mask',
    });
    const { stdout } = await adclick(['init', root, '--yes']);
    expect(stdout).toContain('3 good pictures in Good; 2 to look at in NG; 2 masks in mask; defects NG');
    expect(stdout).toContain(
      '2 files were passed over: 1 of a kind that is not read (Good/4.heic); 1 empty (Good/3.png).',
    );
  });
});

/** The queue as the page gets it, and what the server says beside. */
async function queueOf(root: string): Promise<{ paths: string[]; passedOver: string }> {
  const { project } = await openOrInit(root);
  const { address, close } = await serve(project, { port: 0, background: false });
  try {
    const client = new Client(address);
    const { images } = (await client.get<ImagePage>('/images?order=name')).body;
    const { passedOver } = (await client.get<ProjectInfo>('/project')).body;
    return { paths: images.map(({ path }) => path), passedOver: passedOver.join(' ') };
  } finally {
    await close();
  }
}

const PART = { 'train/good/{0..1}.png': 'good', 'test/bad/{0..1}.png': 'bad' };

describe('the queue', () => {
  test('has pictures of products called as masks are; a mask is one beside its picture or in a folder of masks', async () => {
    const root = await writeFiles(join(await temporaryFolder(), 'root'), {
      'train/good/face_mask.png': 'good',
      'train/good/face_label.png': 'good',
      'test/bad/face_mask.png': 'bad',
      'test/bad/bottle_label.png': 'bad',
      'test/bad/7_GT.JPG': 'bad',
      'test/mask/0.png': 'bad',
      'test/bad/nut.png': 'bad',
      'test/bad/nut_mask.png': 'mask',
      'test/bad/masks/face_mask.png': 'mask',
    });
    const { paths, passedOver } = await queueOf(root);
    const seen = ['bad/7_GT.JPG', 'bad/bottle_label.png', 'bad/face_mask.png', 'bad/nut.png', 'mask/0.png'];
    expect(paths).toEqual(seen.map((path) => `test/${path}`));
    expect(passedOver).toContain('1 mask beside its picture (test/bad/nut_mask.png)');
    expect(passedOver).toContain('1 file in a folder of masks (test/bad/masks)');
    const project = await openProject(root);
    expect(await goodPictures(project, categoriesOf(project)[0])).toHaveLength(2);
  });

  test('follows links to files and folders, without circles, and has each picture once', async () => {
    const folder = await temporaryFolder();
    const root = await writeFiles(join(folder, 'root'), { ...PART, 'more/{5..6}.png': 'bad' });
    await writeFiles(join(folder, 'elsewhere'), { 'x.png': 'bad' });
    const at = (...parts: string[]) => join(root, 'test', 'bad', ...parts);
    await symlink('0.png', at('again.png'));
    await symlink(join(root, 'more', '5.png'), at('five.PNG'));
    await symlink(join(root, 'more'), at('linked'), 'junction');
    await symlink(at(), join(root, 'test', 'alias'), 'junction');
    await symlink(root, at('up'), 'junction');
    await symlink('nowhere.png', at('dead.png'));
    await symlink(join(folder, 'elsewhere', 'x.png'), at('outside.png'));
    const { paths, passedOver } = await queueOf(root);
    expect(paths).toEqual(['0.png', '1.png', 'five.PNG', 'linked/6.png'].map((name) => `test/bad/${name}`));
    expect(passedOver).toContain('1 linked to nothing (test/bad/dead.png)');
    expect(passedOver).toContain('1 linked to a folder around the link (test/bad/up)');
    expect(passedOver).toMatch(/3 linked to what is looked at already \(.*test\/bad\/again\.png/);
    expect(passedOver).toMatch(/1 linked to outside the project[^(]*\(test\/bad\/outside\.png\)/);
  });

  test('tells of files that are hidden, empty or of another kind', async () => {
    const root = await writeFiles(join(await temporaryFolder(), 'root'), {
      ...PART,
      'test/bad/2.TIF': 'bad',
      'test/bad/._0.png': 'text',
      'test/bad/Thumbs.db': 'text',
      'test/bad/zero.png': 'empty',
      'test/bad/notes.txt': 'text',
      'test/bad/broken.png': 'text',
      'test/bad/phone.HEIC': 'text',
    });
    await writeFiles(root, { 'train/good/zero.png': 'empty' });
    const { paths, passedOver } = await queueOf(root);
    expect(paths).toEqual(['test/bad/0.png', 'test/bad/1.png', 'test/bad/2.TIF']);
    expect(passedOver).toContain('Good pictures: 1 file was passed over: 1 empty (train/good/zero.png).');
    expect(passedOver).toMatch(/^4 files were passed over: /);
    for (const text of [
      '1 hidden (test/bad/._0.png)',
      '1 empty',
      '1 of a kind',
      '1 not readable (test/bad/broken.png)',
    ])
      expect(passedOver).toContain(text);
    expect(passedOver).not.toContain('Thumbs');
    // The same stands where the server was started.
    const server = await startServer(root);
    server.child.kill('SIGTERM');
    await server.ended;
    expect(server.stderr().replaceAll('\n', ' ')).toContain(passedOver);
  });
});

describe('index and predict', () => {
  test('follow links, name those that lead nowhere, and count each picture once', async () => {
    const folder = await temporaryFolder();
    const root = await writeFiles(join(folder, 'root'), PART);
    const store = await writeFiles(join(folder, 'store'), {
      '7.png': 'good',
      'deep/8.png': 'bad',
      'deep/9.png': 'bad',
    });
    await symlink(join(store, '7.png'), join(root, 'train/good/7.png'));
    await symlink('0.png', join(root, 'train/good/copy.png'));
    await symlink('gone.png', join(root, 'train/good/dead.png'));
    await writeFiles(root, { 'train/good/sub/{0..1}.png': 'good' });
    await writeProject(join(root, PROJECT_FILE), {
      categories: { root: { good: ['train/good'], test: ['test'] } },
      pixels: 128,
    });
    const { indexes } = answer<{ indexes: { pictures: number; passedOver: PassedOver[] }[] }>(
      await adclick(['index', root, '--json']),
    );
    expect(indexes[0]?.pictures).toBe(3);
    expect(indexes[0]?.passedOver.map(({ why, files }) => [why, files]).sort()).toEqual([
      ['again', 1],
      ['below', 2],
      ['nothing', 1],
    ]);

    const given = join(folder, 'given');
    await mkdir(given);
    await symlink(join(root, 'test/bad/0.png'), join(given, 'a.png'));
    await symlink(join(store, 'deep'), join(given, 'folder'), 'junction');
    await symlink(given, join(given, 'circle'), 'junction');
    await symlink('nowhere.png', join(given, 'dead.png'));
    await copyFile(join(root, 'test/bad/1.png'), join(given, 'b.JPEG'));
    await writeFile(join(given, 'zero.png'), '');
    const ended = await adclick(['predict', given, '--project', root, '--json']);
    const { results, passedOver } = JSON.parse(ended.stdout) as {
      results: { image: string; error?: { code: string } }[];
      passedOver: PassedOver[];
    };
    expect(results.map(({ image }) => image)).toEqual(
      ['a.png', 'b.JPEG', 'folder/8.png', 'folder/9.png', 'zero.png'].map((name) => join(given, name)),
    );
    expect(results.at(-1)?.error?.code).toBe('ADC_IMAGE_EMPTY');
    expect(passedOver.map(({ why }) => why).sort()).toEqual(['circle', 'nothing']);
    expect(ended.stderr).toContain('1 linked to nothing');
    expect(ended.code).toBe(1);
  });

  test('a folder with nothing but what is passed over says so', async () => {
    const root = await writeFiles(join(await temporaryFolder(), 'root'), PART);
    await openOrInit(root);
    const given = await writeFiles(join(await temporaryFolder(), 'given'), { 'a.heic': 'text', '._b.png': 'text' });
    const { code, stderr } = await adclick(['predict', given, '--project', root]);
    expect(code).toBe(2);
    expect(stderr).toMatch(/ADC_USAGE: no pictures in .*; 2 files were passed over: /);
  });
});

/** Names that were the same file, or none, or the same on some disk. */
const ODD = [
  '螺丝',
  '齿轮',
  'a b',
  'a_b',
  'a/b',
  'A',
  'a',
  'é',
  'e\u0301',
  '.',
  '..',
  'CON',
  '🔩',
  '-x',
  'x'.repeat(300),
];

async function oddProject(names: readonly string[]): Promise<Project> {
  const root = await writeFiles(join(await temporaryFolder(), 'root'), PART);
  const categories = Object.fromEntries(names.map((name) => [name, { good: ['train/good'], test: ['test'] }]));
  return writeProject(join(root, PROJECT_FILE), { categories, pixels: 128 });
}

describe('detectors of categories whose names differ in odd characters', () => {
  test('never share a file, also where a disk takes upper and lower case or Unicode forms for the same', async () => {
    const files = ODD.map((name) => trainedDetector('/project', name));
    expect(new Set(files.map((file) => file.normalize('NFC').toLowerCase())).size).toBe(ODD.length);
    for (const file of files) {
      expect(file).toMatch(/^\/project\/\.adclick\/models\/[^/]+\/detector\.onnx$/);
      expect(Buffer.byteLength(file.split('/')[4])).toBeLessThan(200);
    }
  });

  test('are made, trained and found each by its own category, those of earlier projects too', async () => {
    const project = await oddProject(['螺丝', '齿轮', 'a b', 'a_b']);
    const { root } = project;
    const runtime = await Runtime.start();
    try {
      const index = await ReferenceIndex.build(
        [0, 1].map((n) => ({ path: join(root, 'train/good', `${n}.png`) })),
        { runtime, backbone: 'efficientnet-lite0', pixels: 128 * 128 },
      );
      const build = (name: string) => Detector.build(index, { name });
      const facts = { labels: 2, notes: [], seconds: 1 };
      const open = async (name: string) => {
        const { detector } = await openDetector(project, categoriesOf(project, name)[0], runtime);
        try {
          return detector.card.name;
        } finally {
          await detector.close();
        }
      };
      for (const name of ['螺丝', '齿轮']) await keepTrained(root, name, await build(name), facts);
      expect([await open('螺丝'), await open('齿轮')]).toEqual(['螺丝', '齿轮']);
      // Without a trained one each category makes its own, and keeps it.
      for (const name of ['螺丝', '齿轮']) await rm(trainedDetector(root, name));
      for (const name of ['螺丝', '齿轮', '螺丝']) expect(await open(name)).toBe(name);

      // As version 0.1.0 left them: the last one trained, and the one before, which was another category's.
      const old = join(root, '.adclick', 'models', 'detector-a_b');
      await mkdir(old, { recursive: true });
      await (await build('a b')).save(join(old, 'detector.onnx'));
      await (await build('a_b')).save(join(old, 'previous.onnx'));
      expect([await open('a b'), await open('a_b')]).toEqual(['a b', 'a_b']);
      const path = trainedDetector(root, 'a b');
      expect(readCard(await readFile(path), path).name).toBe('a b');
      expect(existsSync(trainedDetector(root, 'a_b'))).toBe(true);
      const [spaced] = categoriesOf(project, 'a b');
      await expect(openChoice(project, spaced, runtime, 'previous')).rejects.toMatchObject({ code: 'ADC_NOT_FOUND' });

      // One whose card names another category is nobody's.
      const strange = join(root, '.adclick', 'models', 'detector-__');
      await mkdir(strange, { recursive: true });
      await (await build('垫圈')).save(join(strange, 'detector.onnx'));
      expect(await open('螺丝')).toBe('螺丝');
      expect(existsSync(join(strange, 'detector.onnx'))).toBe(true);
      await index.close();
    } finally {
      await runtime.close();
    }
  });

  test('find defects through the whole of predict', async () => {
    const project = await oddProject(['.', 'a/b', 'CON']);
    for (const { name } of categoriesOf(project)) {
      const lines: PredictLine[] = [];
      const request = { paths: [join(project.root, 'test/bad/0.png')], project: project.root, category: name };
      await predictPictures(request, (line) => lines.push(line));
      expect(lines).toMatchObject([{ category: name, detector: name }]);
    }
  });
});

describe('labels from masks that a data set has', () => {
  const MASKED: Readonly<
    Record<string, { files: Readonly<Record<string, string>>; defects: Readonly<Record<string, string>> }>
  > = {
    'MVTec LOCO AD': {
      files: {
        'train/good/0.png': 'good',
        'test/good/0.png': 'good',
        'test/logical/{0..1}.png': 'bad',
        'ground_truth/logical/0/{0..1}.png': 'mask',
        'ground_truth/logical/1/0.png': 'mask',
      },
      defects: { 'test/logical/0.png': 'logical', 'test/logical/1.png': 'logical' },
    },
    'MVTec 3D-AD': {
      files: {
        'train/good/rgb/0.png': 'good',
        'test/good/rgb/0.png': 'good',
        'test/good/gt/0.png': 'black',
        'test/hole/rgb/0.png': 'bad',
        'test/hole/gt/0.png': 'mask',
        'test/cut/rgb/0.png': 'bad',
        'test/cut/gt/0.png': 'mask',
      },
      defects: { 'test/hole/rgb/0.png': 'hole', 'test/cut/rgb/0.png': 'cut' },
    },
    VisA: {
      files: {
        'Data/Images/Normal/{0..1}.JPG': 'good',
        'Data/Images/Anomaly/{0..1}.JPG': 'bad',
        'Data/Masks/Anomaly/{0..1}.png': 'mask',
      },
      defects: { 'Data/Images/Anomaly/0.JPG': 'Anomaly', 'Data/Images/Anomaly/1.JPG': 'Anomaly' },
    },
    KolektorSDD: {
      files: {
        'kos01/Part{0..1}.jpg': 'good',
        'kos01/Part{0..1}_label.bmp': 'black',
        'kos02/Part0.jpg': 'bad',
        'kos02/Part0_label.bmp': 'mask',
        'kos02/Part1.jpg': 'good',
        'kos02/Part1_label.bmp': 'black',
      },
      defects: { 'kos02/Part0.jpg': 'defect' },
    },
    KolektorSDD2: {
      files: {
        'train/{0..1}.png': 'good',
        'train/{0..1}_GT.png': 'black',
        'train/2.png': 'bad',
        'train/2_GT.png': 'mask',
        'test/2.png': 'good',
        'test/2_GT.png': 'black',
        'test/0.png': 'bad',
        'test/0_GT.png': 'mask',
      },
      defects: { 'train/2.png': 'defect', 'test/0.png': 'defect' },
    },
    'Real-IAD': {
      files: { 'OK/S1/{0..1}.jpg': 'good', 'NG/BX/S2/{2..3}.jpg': 'bad', 'NG/BX/S2/{2..3}.png': 'mask' },
      defects: { 'NG/BX/S2/2.jpg': 'BX', 'NG/BX/S2/3.jpg': 'BX' },
    },
    "anomalib's folders": {
      files: { 'good/{0..1}.png': 'good', 'NG/{0..1}.png': 'bad', 'mask/{0..1}.png': 'mask' },
      defects: { 'NG/0.png': 'NG', 'NG/1.png': 'NG' },
    },
    'pictures and masks': {
      files: { 'images/{0..3}.png': 'good', 'masks/{0..1}.png': 'black', 'masks/3.png': 'mask' },
      defects: { 'images/3.png': 'defect' },
    },
    DAGM: {
      files: {
        'Train/{1..2}.PNG': 'good',
        'Train/3.PNG': 'bad',
        'Train/Label/3_label.PNG': 'mask',
        'Test/{1..3}.PNG': 'bad',
        'Test/Label/{1..3}_label.PNG': 'mask',
      },
      defects: Object.fromEntries(
        ['Train/3.PNG', 'Test/1.PNG', 'Test/2.PNG', 'Test/3.PNG'].map((path) => [path, 'defect']),
      ),
    },
  };
  const read = async (store: MaskFolderStore) => {
    const defects: Record<string, string> = {};
    let others = 0;
    for await (const { path, layers, state } of store.images()) {
      if (state !== 'defect') others++;
      for (const { type, rle } of layers) {
        expect(rleArea(rle)).toBe(144);
        defects[path] = type;
      }
    }
    return { defects, others, leftOut: await store.unmatched() };
  };

  test.each(Object.entries(MASKED))('%s', async (_, { files, defects }) => {
    const root = await writeFiles(join(await temporaryFolder(), 'root'), files);
    const { project } = await openOrInit(root);
    const store = await MaskFolderStore.open(project);
    const found = await read(store);
    expect(found).toMatchObject({ defects, leftOut: [] });
    expect(found.others).toBeGreaterThan(0);

    // What is put there is found where it was put.
    const [path, type] = Object.entries(defects)[0];
    for await (const image of store.images())
      if (image.path === path) await store.put({ ...image, layers: [{ type: 'other', rle: image.layers[0].rle }] });
    expect(await read(await MaskFolderStore.open(project))).toMatchObject({
      defects: { ...defects, [path]: 'other' },
      leftOut: [],
    });
    expect(type).not.toBe('other');

    // A good picture that is said to be good again loses nothing.
    const good: string[] = [];
    for await (const image of store.images())
      if (image.state === 'good') {
        good.push(image.path);
        await store.put(image);
      }
    const after = await MaskFolderStore.open(project);
    for await (const image of after.images())
      if (good.includes(image.path)) expect(image.state, image.path).toBe('good');
  });
});
