/** Every format both ways, through real folders. */
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { decodeRle, rleArea } from '@adclick/core/geometry';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { all, bitmapOf, disjoint, essence, imageSets, MemoryStore, TYPES } from '../../test/labels.ts';
import { FORMATS, type Format } from '../api.ts';
import { EXCHANGE_FORMATS } from './formats.ts';
import { openSource } from './source.ts';
import { exportLabels, importLabels } from './transfer.ts';
import type { LabelledImage } from './types.ts';

let root = '';
let made = 0;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'adclick-exchange-'));
});
afterAll(() => rm(root, { recursive: true }));

const fresh = () => join(root, `export-${made++}`);

async function readBack(format: Format, target: string): Promise<LabelledImage[]> {
  const leftOut: unknown[] = [];
  const images = await all(
    EXCHANGE_FORMATS[format].read(await openSource(target), { leftOut: (entry) => leftOut.push(entry) }),
  );
  expect(leftOut).toEqual([]);
  return images;
}

/** An image of 6 x 5 with a mask that has a hole with a part in it, and another type that overlaps it. */
const RINGS: LabelledImage = {
  path: 'test/scratch/000.png',
  width: 6,
  height: 5,
  state: 'defect',
  layers: [
    { type: 'scratch', rle: bitmapOf('#####.', '#...#.', '#.#.#.', '#...#.', '######') },
    { type: 'dent', rle: bitmapOf('......', '......', '..####', '......', '.....#') },
  ],
};
const GOOD: LabelledImage = { path: 'train/good/0.png', width: 6, height: 5, state: 'good', layers: [] };

describe.each(FORMATS)('%s', (format) => {
  test('gives random masks back, pixel by pixel', async () => {
    const types = format === 'voc' ? TYPES.filter((type) => !type.startsWith('#')) : TYPES;
    await fc.assert(
      fc.asyncProperty(imageSets(types), async (drawn) => {
        const images = format === 'voc' ? disjoint(drawn) : drawn;
        const states = images.map(
          (image): LabelledImage => ({ ...image, state: image.layers.length ? 'defect' : 'good' }),
        );
        const target = fresh();
        const report = await exportLabels(new MemoryStore(states), { format, target });
        expect(report).toMatchObject({ format, images: states.length, unlabelled: 0, changed: [], leftOut: [] });
        expect(essence(await readBack(format, target))).toEqual(essence(states));
        await rm(target, { recursive: true });
      }),
      { numRuns: 40 },
    );
  });

  test('goes into a store again, with pictures beside the labels', async () => {
    const pictures = join(root, `pictures-${format}`);
    const images = format === 'voc' ? [...disjoint([RINGS]), GOOD] : [RINGS, GOOD];
    for (const { path } of images) {
      await mkdir(join(pictures, path, '..'), { recursive: true });
      await writeFile(join(pictures, path), `picture ${path}`);
    }
    const target = fresh();
    const pictureOf = ({ path }: LabelledImage) => join(pictures, path);
    const report = await exportLabels(new MemoryStore(images), { format, target, pictureOf });
    expect(report.leftOut).toEqual([]);
    const copies = await Promise.all(
      (await readdir(target, { recursive: true, withFileTypes: true }))
        .filter((entry) => entry.isFile())
        .map((entry) => readFile(join(entry.parentPath, entry.name), 'latin1')),
    );
    for (const { path } of images) expect(copies).toContain(`picture ${path}`);
    const store = new MemoryStore(images.map((image) => ({ ...image, state: 'todo', layers: [] })));
    const imported = await importLabels(store, { format, source: await openSource(target) });
    expect(imported).toMatchObject({ format, images: 2, defects: 1, leftOut: [] });
    expect(essence([...store.held.values()])).toEqual(essence(images));
  });

  test('says what it cannot write, and leaves nothing half-written', async () => {
    const draft: LabelledImage = { ...RINGS, path: 'draft.png', state: 'todo' };
    const bare: LabelledImage = { ...GOOD, path: 'bare.png', state: 'defect' };
    const odd: LabelledImage = { ...RINGS, path: 'odd.png', state: 'good' };
    const untouched: LabelledImage = { ...GOOD, path: 'untouched.png', state: 'todo' };
    const target = fresh();
    const store = new MemoryStore([draft, bare, odd, untouched, GOOD]);
    const report = await exportLabels(store, { format, target });
    expect(report).toMatchObject({ images: 1, unlabelled: 1, changed: [] });
    expect(report.leftOut.map(({ path }) => path)).toEqual(['draft.png', 'bare.png', 'odd.png']);
    const pictureOf = ({ path }: LabelledImage) => join(root, 'nowhere', path);
    const again = await exportLabels(store, { format, target, pictureOf, force: true });
    expect(again.leftOut.at(-1)).toMatchObject({ path: GOOD.path, reason: expect.stringContaining('cannot be read') });
    await expect(exportLabels(store, { format, target })).rejects.toMatchObject({ code: 'ADC_EXPORT_EXISTS' });
    await expect(exportLabels(new MemoryStore([untouched]), { format, target: fresh() })).rejects.toMatchObject({
      code: 'ADC_EXCHANGE_EMPTY',
    });
    expect((await readdir(root)).filter((name) => name.startsWith('.'))).toEqual([]);
  });

  test('stops when it is asked to, without a trace', async () => {
    const target = fresh();
    const controller = new AbortController();
    controller.abort(new Error('stopped'));
    await expect(
      exportLabels(new MemoryStore([GOOD]), { format, target }, { signal: controller.signal }),
    ).rejects.toThrow('stopped');
    expect(existsSync(target)).toBe(false);
    expect((await readdir(root)).filter((name) => name.startsWith('.'))).toEqual([]);
  });
});

describe('what a format cannot hold is counted', () => {
  test('overlapping types in Pascal VOC: the smaller one keeps the pixels', async () => {
    const target = fresh();
    const report = await exportLabels(new MemoryStore([RINGS]), { format: 'voc', target });
    const [scratch, dent] = RINGS.layers.map(({ rle }) => decodeRle(rle));
    const overlap = scratch.reduce((sum, value, i) => sum + (value & dent[i]), 0);
    expect(overlap).toBe(3);
    expect(report.changed).toEqual([{ path: RINGS.path, pixels: overlap }]);
    const [back] = await readBack('voc', target);
    expect(essence([back])[RINGS.path]?.layers['type dent']).toEqual(RINGS.layers[1].rle);
  });

  test('a type that is wholly covered in Pascal VOC is left out', async () => {
    const spot = bitmapOf('#.....', '......', '......', '......', '......');
    const twice = [
      { type: 'a', rle: spot },
      { type: 'b', rle: spot },
    ];
    const report = await exportLabels(new MemoryStore([{ ...RINGS, layers: twice }]), {
      format: 'voc',
      target: fresh(),
    });
    expect(report.leftOut).toMatchObject([{ path: RINGS.path, type: 'a' }]);
  });

  test('simplified polygons: the pixels that moved', async () => {
    // Teeth of one pixel are what simplifying takes off.
    const rows = Array.from({ length: 40 }, (_, y) => '#'.repeat(20 + (y % 2)).padEnd(40, '.'));
    const image: LabelledImage = { ...RINGS, width: 40, height: 40, layers: [{ type: 'cut', rle: bitmapOf(...rows) }] };
    const exact = await exportLabels(new MemoryStore([image]), { format: 'yolo', target: fresh() });
    expect(exact.changed).toEqual([]);
    const target = fresh();
    const report = await exportLabels(new MemoryStore([image]), { format: 'yolo', target, simplify: 1.5 });
    const [back] = await readBack('yolo', target);
    const now = decodeRle(back.layers[0].rle);
    const moved = decodeRle(image.layers[0].rle).reduce((sum, value, i) => sum + (value ^ now[i]), 0);
    expect(moved).toBeGreaterThan(0);
    expect(report.changed).toEqual([{ path: image.path, pixels: moved }]);
  });

  test('pictures whose names differ in their ending alone are both in the export', async () => {
    const images = ['a/x.png', 'a/x.jpg', 'a/y.png'].map((path, i) => ({
      ...RINGS,
      path,
      layers: [
        { type: 'scratch', rle: bitmapOf('......', '.'.repeat(i).padEnd(6, '#'), '......', '......', '......') },
      ],
    }));
    for (const format of FORMATS) {
      const target = fresh();
      const report = await exportLabels(new MemoryStore(images), { format, target });
      expect(report).toMatchObject({ images: 3, changed: [], leftOut: [] });
      expect(essence(await readBack(format, target))).toEqual(essence(images));
    }
  });

  test('of pictures whose names are one on some disks, the first is exported and the others are named', async () => {
    const pictures = join(root, 'upper-and-lower');
    await mkdir(join(pictures, 'a'), { recursive: true });
    const images = ['a/x.png', 'a/X.png', 'a/y.png'].map((path) => ({ ...GOOD, path }));
    for (const { path } of images) await writeFile(join(pictures, path), path);
    const pictureOf = ({ path }: LabelledImage) => join(pictures, path);
    for (const format of ['coco', 'datumaro', 'voc', 'cvat', 'labelstudio', 'labelme'] as const) {
      const report = await exportLabels(new MemoryStore(images), { format, target: fresh(), pictureOf });
      expect(report).toMatchObject({
        images: 2,
        leftOut: [{ path: 'a/X.png', reason: expect.stringContaining('same') }],
      });
    }
  });
});

describe('an existing folder', () => {
  test('that is no export of ours is never replaced', async () => {
    const target = fresh();
    await mkdir(target);
    await writeFile(join(target, 'thesis.txt'), 'precious');
    for (const force of [false, true])
      await expect(exportLabels(new MemoryStore([GOOD]), { format: 'coco', target, force })).rejects.toMatchObject({
        code: 'ADC_EXPORT_EXISTS',
      });
    expect(await readFile(join(target, 'thesis.txt'), 'utf8')).toBe('precious');
  });

  test('that is empty is taken', async () => {
    const target = fresh();
    await mkdir(target);
    expect((await exportLabels(new MemoryStore([GOOD]), { format: 'coco', target })).images).toBe(1);
  });
});

test('thousands of images in Label Studio are split into files that can be read one by one', async () => {
  const target = fresh();
  const images = Array.from({ length: 1001 }, (_, i) => ({ ...RINGS, path: `${i}.png` }));
  const report = await exportLabels(new MemoryStore(images), { format: 'labelstudio', target });
  expect(report).toMatchObject({ images: 1001, changed: [], leftOut: [] });
  const names = await readdir(target);
  expect(names).toEqual(expect.arrayContaining(['tasks.json', 'tasks-2.json', 'tasks-3.json']));
});

describe('MVTec AD folders', () => {
  test('are laid out as the data set itself', async () => {
    const target = fresh();
    const same: LabelledImage = { ...RINGS, path: 'test/dent/000.png', layers: [RINGS.layers[1]] };
    await exportLabels(new MemoryStore([RINGS, same, GOOD]), { format: 'mvtec', target, category: 'bracket' });
    const files = (await readdir(target, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile());
    const names = files.map(({ parentPath, name }) => join(parentPath, name).slice(target.length + 1)).sort();
    expect(names).toEqual([
      'adclick-export.json',
      'bracket/ground_truth/dent/000_mask.png',
      'bracket/ground_truth/dent/test_dent_000_mask.png',
      'bracket/ground_truth/scratch/000_mask.png',
    ]);
  });

  test('without our records are read by their names', async () => {
    const target = fresh();
    await exportLabels(new MemoryStore([RINGS]), { format: 'mvtec', target, category: 'bracket' });
    await rm(join(target, 'adclick-export.json'));
    const back = await readBack('mvtec', target);
    expect(back.map(({ path, layers }) => [path, layers.map(({ type, rle }) => [type, rleArea(rle)])])).toEqual([
      ['bracket/test/dent/000', [['dent', 5]]],
      ['bracket/test/scratch/000', [['scratch', 18]]],
    ]);
  });
});

describe('importing', () => {
  const project = (...paths: string[]) =>
    new MemoryStore(paths.map((path) => ({ ...GOOD, path, state: 'todo' as const })));
  async function importCoco(store: MemoryStore, names: readonly string[], width = 6) {
    const target = fresh();
    const content = {
      images: names.map((file_name, id) => ({ id, file_name, width, height: 5 })),
      categories: [{ id: 1, name: 'dent' }],
      annotations: names.map((_, id) => ({ image_id: id, category_id: 1, bbox: [1, 1, 2, 2] })),
    };
    await writeFile(`${target}.json`, JSON.stringify(content));
    return importLabels(store, { format: 'coco', source: await openSource(`${target}.json`) });
  }
  const labelled = (store: MemoryStore) =>
    [...store.held.values()].filter(({ state }) => state === 'defect').map(({ path }) => path);

  test('finds pictures in other folders by their names, and takes none for another', async () => {
    const store = project('test/scratch/1.png', 'test/dent/1.png', 'test/dent/2.png', 'test/dent/3.png');
    const report = await importCoco(store, ['images/dent/1.png', '2.jpg', '1.png', 'a/3.png', 'b/3.png', 'z.png']);
    expect(labelled(store)).toEqual(['test/dent/1.png', 'test/dent/2.png']);
    expect(report).toMatchObject({ images: 2, defects: 2 });
    expect(report.leftOut.map(({ path }) => path).sort()).toEqual(['1.png', 'a/3.png', 'b/3.png', 'z.png']);
  });

  test('does not put a mask of another size on a picture', async () => {
    const store = project('1.png');
    const report = await importCoco(store, ['1.png'], 7);
    expect(labelled(store)).toEqual([]);
    expect(report.leftOut).toMatchObject([{ path: '1.png', reason: expect.stringContaining('7 x 5') }]);
  });

  test('leaves out what is wrong and takes the rest', async () => {
    const store = project('1.png', '2.png');
    const report = await importCoco(store, ['1.png', '2\n.png']);
    expect(labelled(store)).toEqual(['1.png']);
    expect(report.leftOut).toEqual([{ path: '2\n.png', reason: 'it contains a control character' }]);
  });
});
