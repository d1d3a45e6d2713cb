/** Pictures of more than 8 bits: one scene in every sample type gives the scores and masks of its 8-bit picture, wherever it is looked at. */
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import {
  Detector,
  Labeler,
  ReferenceIndex,
  readImage,
  readMask,
  readRgb,
  type Window,
  type Windows,
  writePng,
} from '@adclick/core';
import { decodeImage, learnWindows, spanOf } from '@adclick/core/image';
import { Random } from '@adclick/core/synthesis';
import { Runtime } from '@adclick/ortgrad';
import { afterAll, describe, expect, onTestFinished, test } from 'vitest';
import { type StoredType, type TiffPage, writeTiff } from '../../../core/src/image/fixtures/write-tiff.ts';
import { API } from '../../src/api.ts';
import {
  type PredictFailure,
  type PredictLine,
  type PredictResult,
  predictPictures,
} from '../../src/detectors/predicting.ts';
import { trainSegmentation } from '../../src/detectors/training.ts';
import { indexProject } from '../../src/engine/indexing.ts';
import { openLabels } from '../../src/open-labels.ts';
import { firstNotes } from '../../src/project/first-look.ts';
import { PROJECT_FILE, type Project, writeProject } from '../../src/project/project.ts';
import { createApp } from '../../src/server/app.ts';
import { labelPicture } from '../../src/workbench/labelling.ts';
import { openStudio, temporaryFolder } from '../sample.ts';

const [WIDTH, HEIGHT] = [160, 120];
const DEFECT = { x: 40, y: 30, width: 16, height: 14 };
const CENTRE = { x: 47, y: 36, positive: true };

/** Brightness of a part, 0 to 1, with a bright defect or without. */
function scene(seed: number, defect: boolean): Float32Array {
  const random = new Random(`scene/${seed}`);
  return Float32Array.from({ length: WIDTH * HEIGHT }, (_, i) => {
    const [x, y] = [i % WIDTH, Math.floor(i / WIDTH)];
    const part = Math.abs(x - WIDTH / 2) < WIDTH * 0.38 && Math.abs(y - HEIGHT / 2) < HEIGHT * 0.38;
    const noise = random.uniform(-0.01, 0.01);
    const inside = x >= DEFECT.x && x < DEFECT.x + DEFECT.width && y >= DEFECT.y && y < DEFECT.y + DEFECT.height;
    return defect && inside ? 0.95 : (part ? 0.45 : 0.2) + 0.03 * Math.sin(x / 7) + noise;
  });
}

/** How a picture is written: where 0 and 1 lie, and in what kind of file. */
interface Kind {
  readonly name: string;
  readonly type: StoredType | 'png';
  readonly low?: number;
  readonly full: number;
  readonly channels?: 1 | 3;
  /** The window that the good pictures should give. */
  readonly window: Window;
  /** Looked at by the commands too, alone, by the detector's file and from the library. */
  readonly everyWay?: boolean;
  readonly page?: Partial<TiffPage>;
}

const to = (high: number): Window => ({ low: 0, high });
const EIGHT: Kind = { name: '8 bits', type: 'uint8', full: 255, window: to(255) };
const KINDS: readonly Kind[] = [
  { name: 'floats to 1', type: 'float32', full: 1, window: to(1) },
  { everyWay: true, name: 'floats to 255', type: 'float32', full: 255, window: to(255) },
  { name: 'floats to 4095', type: 'float32', full: 4095, window: to(4095) },
  { name: 'doubles to 4095, RGB', type: 'float64', full: 4095, channels: 3, window: to(4095) },
  { name: '32 bits to 4095', type: 'uint32', full: 4095, window: to(4095) },
  { name: 'signed 32 bits to 1023, RGB', type: 'int32', full: 1023, channels: 3, window: to(1023) },
  { everyWay: true, name: 'signed 16 bits to 4095', type: 'int16', full: 4095, window: to(4095) },
  { name: 'signed 16 bits from -2048', type: 'int16', low: -2048, full: 2047, window: { low: -2048, high: 2047 } },
  { name: '10 bits, TIFF', type: 'uint16', full: 1023, window: to(1023) },
  { name: '12 bits, TIFF', type: 'uint16', full: 4095, window: to(4095) },
  { name: '14 bits, TIFF', type: 'uint16', full: 16_383, window: to(16_383) },
  { name: '16 bits, TIFF', type: 'uint16', full: 65_535, window: to(65_535) },
  { name: '10 bits, PNG', type: 'png', full: 1023, window: to(1023) },
  { everyWay: true, name: '12 bits, PNG', type: 'png', full: 4095, window: to(4095) },
  { name: '14 bits, PNG, RGB', type: 'png', full: 16_383, channels: 3, window: to(16_383) },
];

const ending = ({ type }: Kind) => (type === 'png' ? 'png' : 'tif');

async function writePicture(stem: string, kind: Kind, values: Float32Array): Promise<string> {
  const { type, low = 0, full, channels = 1 } = kind;
  const path = `${stem}.${ending(kind)}`;
  await mkdir(dirname(path), { recursive: true });
  const at = (i: number) => low + (full - low) * values[Math.floor(i / channels)];
  const sample = (i: number) => (type.startsWith('float') ? at(i) : Math.round(at(i)));
  const size = { width: WIDTH, height: HEIGHT, channels };
  if (type === 'png')
    await writePng(path, {
      ...size,
      data: Uint16Array.from({ length: values.length * channels }, (_, i) => sample(i)),
    });
  else await writeFile(path, writeTiff([{ ...size, type, sample, ...kind.page }]));
  return path;
}

interface Stack {
  readonly root: string;
  readonly project: Project;
  readonly bad: string;
  readonly sound: string;
}

/** A project of one part, six good pictures and two to look at. */
async function makeStack(kind: Kind, goods: Kind = kind): Promise<Stack> {
  const root = join(await temporaryFolder(), 'part');
  for (let i = 0; i < 6; i++) await writePicture(join(root, 'train/good', `g${i}`), goods, scene(i + 1, false));
  const bad = await writePicture(join(root, 'test/bad', 'b0'), kind, scene(100, true));
  const sound = await writePicture(join(root, 'test/bad', 'b1'), kind, scene(101, false));
  const project = await writeProject(join(root, PROJECT_FILE), {
    categories: { part: { good: ['train/good'], test: ['test'], defects: ['bad'] } },
    pixels: 160,
  });
  return { root, project, bad, sound };
}

async function predict(
  paths: readonly string[],
  more: { project?: string; detector?: string },
): Promise<PredictLine[]> {
  const lines: PredictLine[] = [];
  await predictPictures({ paths, ...more }, (line) => lines.push(line));
  return lines;
}

/** How well a mask meets the defect: intersection over union. */
function iouOf(data: ArrayLike<number>): number {
  let [both, either] = [0, 0];
  for (let i = 0; i < data.length; i++) {
    const [x, y] = [i % WIDTH, Math.floor(i / WIDTH)];
    const truth = x >= DEFECT.x && x < DEFECT.x + DEFECT.width && y >= DEFECT.y && y < DEFECT.y + DEFECT.height;
    const marked = data[i] > 0.49;
    if (truth && marked) both++;
    if (truth || marked) either++;
  }
  return both / either;
}

interface Looked {
  readonly windows: Windows | undefined;
  readonly defective: Pick<PredictResult, 'score' | 'isDefect'>;
  readonly good: Pick<PredictResult, 'score' | 'isDefect'>;
  /** Of the mask after one click. */
  readonly iou: number;
}

/** What the commands say of a stack's two pictures. */
async function look({ root, bad, sound }: Stack): Promise<Looked> {
  const { indexes } = await indexProject(root);
  const [defective, good] = (await predict([bad, sound], { project: root })) as [PredictResult, PredictResult];
  const mask = join(root, 'mask.png');
  await labelPicture({ picture: bad, clicks: [CENTRE], project: root, out: mask });
  return { windows: indexes[0]?.windows, defective, good, iou: iouOf((await readMask(mask)).data) };
}

/** The same from the library, which starts its models once. */
async function lookInside({ root, bad, sound }: Stack, runtime: Runtime): Promise<Looked> {
  const names = (await readdir(join(root, 'train/good'))).sort();
  const paths = names.map((name) => ({ path: join(root, 'train/good', name) }));
  const index = await ReferenceIndex.build(paths, { runtime, pixels: 160 * 160 });
  const detector = await Detector.build(index);
  const [defective, good] = [await detector.detect(await readImage(bad)), await detector.detect(await readRgb(sound))];
  const labeler = await Labeler.load({ index, runtime });
  const view = await labeler.open(await readImage(bad));
  const iou = iouOf((await view.predict({ clicks: [CENTRE] })).probability);
  for (const each of [labeler, detector, index]) await each.close();
  return { windows: index.windows, defective, good, iou };
}

/** Scores of the defective picture: alone in a run, by the detector's file, and from the library. */
async function scoresOf({ root, bad }: Stack): Promise<number[]> {
  const folder = join(root, '.adclick/detectors');
  const file = join(folder, (await readdir(folder))[0]);
  const [alone] = (await predict([bad], { project: root })) as [PredictResult];
  const [byFile] = (await predict([bad], { detector: file })) as [PredictResult];
  const detector = await Detector.load(file);
  onTestFinished(() => detector.close());
  const library = [await detector.detect(await readRgb(bad)), await detector.detect(await readImage(bad))];
  return [alone.score, byFile.score, ...library.map(({ score }) => Number(score.toFixed(6)))];
}

const eight = async () => look(await makeStack(EIGHT));
let known: ReturnType<typeof eight> | undefined;
/** What the 8-bit stack gives; looked at once. */
const reference = () => (known ??= eight());

test('8 bits: the scene is told apart', async () => {
  const { defective, good, iou, windows } = await reference();
  expect(windows).toEqual({ uint8: { low: 0, high: 255 } });
  expect([defective.isDefect, good.isDefect]).toEqual([true, false]);
  expect(iou).toBeGreaterThan(0.85);
});

describe('the same scene in other samples', () => {
  let runtime: Promise<Runtime> | undefined;
  afterAll(async () => (await runtime)?.close());

  test.each(KINDS.map((kind) => [kind.name, kind] as const))('%s', async (_name, kind) => {
    const want = await reference();
    const stack = await makeStack(kind);
    runtime ??= Runtime.start();
    const got = kind.everyWay ? await look(stack) : await lookInside(stack, await runtime);
    expect(Object.values(got.windows!)).toEqual([kind.window]);
    expect([got.defective.isDefect, got.good.isDefect]).toEqual([true, false]);
    expect(Math.abs(got.defective.score - want.defective.score)).toBeLessThan(0.03);
    expect(Math.abs(got.good.score - want.good.score)).toBeLessThan(0.03);
    expect(Math.abs(got.iou - want.iou)).toBeLessThan(0.05);
    if (kind.everyWay) for (const score of await scoresOf(stack)) expect(score).toBe(got.defective.score);
  });
});

describe('the library', () => {
  test('pixels of any type are indexed and labelled as files are', async () => {
    const stack = await makeStack({ ...EIGHT, type: 'uint16', full: 4095, window: to(4095) });
    const files = (await readdir(join(stack.root, 'train/good'))).map((name) => join(stack.root, 'train/good', name));
    const pixels = { pixels: 160 * 160 };
    const byPath = await ReferenceIndex.build(
      files.map((path) => ({ path })),
      pixels,
    );
    const raw = await Promise.all(files.map(async (path, i) => ({ name: `g${i}.tif`, image: await readImage(path) })));
    const byPixels = await ReferenceIndex.build(raw, { ...pixels, runtime: byPath.runtime });
    const rgb = await Promise.all(files.map(async (path, i) => ({ name: `g${i}.tif`, image: await readRgb(path) })));
    const byRgb = await ReferenceIndex.build(rgb, { ...pixels, runtime: byPath.runtime });
    const masks: Float32Array[] = [];
    for (const index of [byPath, byPixels, byRgb]) {
      expect(index.windows).toEqual({ uint16: to(4095) });
      const labeler = await Labeler.load({ index, runtime: byPath.runtime });
      for (const image of [
        await readImage(stack.bad),
        await readRgb(stack.bad),
        await readRgb(stack.bad, { windows: index.windows }),
      ]) {
        const view = await labeler.open(image);
        masks.push((await view.predict({ clicks: [CENTRE] })).probability);
        await view.close();
      }
      await labeler.close();
    }
    for (const mask of masks) expect(mask).toEqual(masks[0]);
    await byPath.close();
  });

  test('an index of version 0.1.0 opens, and sees full ranges', async () => {
    const stack = await makeStack({ ...EIGHT, type: 'uint16', full: 4095, window: to(4095) });
    const { indexes } = await indexProject(stack.root);
    const file = join(indexes[0].path, 'index.json');
    const json = JSON.parse(await readFile(file, 'utf8'));
    expect(json.format).toBe('adclick-index/2');
    json.format = 'adclick-index/1';
    delete json.settings.windows;
    for (const image of json.images) delete image.span;
    await writeFile(file, JSON.stringify(json));
    const index = await ReferenceIndex.open(indexes[0].path);
    expect(index.windows).toBeUndefined();
    const picture = await readImage(stack.bad);
    expect(index.rgb(picture).data[0]).toBe(Math.round(picture.data[0] / 257));
    await index.close();
    // Looking again with this version finds the window.
    expect((await indexProject(stack.root)).indexes[0]?.windows).toEqual({ uint16: to(4095) });
  });
});

describe('good pictures that come later', () => {
  test('a wider window describes all of them again, and makes another detector', async () => {
    const ten: Kind = { ...EIGHT, type: 'uint16', full: 1023, window: to(1023) };
    const stack = await makeStack(ten);
    const before = await indexProject(stack.root);
    expect(before.indexes[0]?.windows).toEqual({ uint16: to(1023) });
    await predict([stack.bad], { project: stack.root });
    // Files of the index before stay for those who have it open.
    const shards = async (): Promise<string[]> =>
      JSON.parse(await readFile(join(before.indexes[0].path, 'index.json'), 'utf8')).images.map(
        ({ shard }: { shard: string }) => shard,
      );
    const old = new Set(await shards());
    const made = await readdir(join(stack.root, '.adclick/detectors'));
    await writePicture(join(stack.root, 'train/good', 'later'), { ...ten, full: 4095 }, scene(50, false));
    const notes: string[] = [];
    const after = await indexProject(stack.root, { note: (text) => notes.push(text) });
    expect(after.indexes[0]).toMatchObject({ added: 1, pictures: 7, windows: { uint16: to(4095) } });
    expect(notes.join()).toContain('0 to 4095 now, it was 0 to 1023');
    expect(old.size).toBeGreaterThan(0);
    expect((await shards()).filter((name) => old.has(name))).toEqual([]);
    await predict([stack.bad], { project: stack.root });
    expect(await readdir(join(stack.root, '.adclick/detectors'))).not.toEqual(made);
  });

  test('of another kind: each has a window of its own, and it is said', async () => {
    const stack = await makeStack(EIGHT);
    const twelve: Kind = { ...EIGHT, type: 'uint16', full: 4095, window: to(4095) };
    const later = await writePicture(join(stack.root, 'train/good', 'later'), twelve, scene(50, false));
    const notes: string[] = [];
    const { indexes } = await indexProject(stack.root, { note: (text) => notes.push(text) });
    expect(indexes[0]?.windows).toEqual({ uint16: to(4095), uint8: to(255) });
    expect(notes.join()).toContain('16-bit samples and 8-bit samples');
    const [line] = (await predict([later], { project: stack.root })) as PredictResult[];
    expect(line.isDefect).toBe(false);
  });
});

describe('pictures of another kind than the good ones', () => {
  test('8 bits beside 12: taken as they are, with a note', async () => {
    const stack = await makeStack(EIGHT, { ...EIGHT, type: 'uint16', full: 4095, window: to(4095) });
    const [line] = (await predict([stack.bad], { project: stack.root })) as PredictResult[];
    expect(line).toMatchObject({ isDefect: true, notes: [expect.stringContaining('8-bit samples')] });
  });

  test.each<[string, Kind]>([
    ['12 bits', { ...EIGHT, type: 'uint16', full: 4095 }],
    ['floats to 255', { ...EIGHT, type: 'float32', full: 255 }],
    ['signed', { ...EIGHT, type: 'int16', full: 4095 }],
  ])('%s beside 8 bits: refused in one line', async (_name, kind) => {
    const stack = await makeStack(kind, EIGHT);
    const lines = (await predict([stack.bad, stack.sound], { project: stack.root })) as PredictFailure[];
    expect(lines.map(({ error }) => error.code)).toEqual(['ADC_IMAGE_RANGE', 'ADC_IMAGE_RANGE']);
    expect(lines[0]?.error.message).toContain(stack.bad);
    await expect(labelPicture({ picture: stack.bad, clicks: [CENTRE], project: stack.root })).rejects.toMatchObject({
      code: 'ADC_IMAGE_RANGE',
    });
  });
});

describe('floats that are no numbers', () => {
  const holes = (values: Float32Array, every: number) =>
    values.map((value, i) => (i % every === 0 ? Number.NaN : value));

  test('pixels without a measurement are black and do not move the window', async () => {
    const kind: Kind = { ...EIGHT, type: 'float32', full: 4095, window: to(4095) };
    const stack = await makeStack(kind);
    for (let i = 0; i < 6; i++)
      await writePicture(join(stack.root, 'train/good', `g${i}`), kind, holes(scene(i + 1, false), 500));
    const { indexes } = await indexProject(stack.root);
    expect(indexes[0]?.windows).toEqual({ float: to(4095) });
    expect(learnWindows([spanOf(await readImage(stack.bad))!])).toEqual({ float: to(4095) });
  });

  test('a good picture without a single number is refused by name', async () => {
    const kind: Kind = { ...EIGHT, type: 'float32', full: 4095, window: to(4095) };
    const stack = await makeStack(kind);
    const path = await writePicture(join(stack.root, 'train/good', 'g3'), kind, holes(scene(4, false), 1));
    await expect(indexProject(stack.root)).rejects.toMatchObject({
      code: 'ADC_IMAGE_UNREADABLE',
      message: expect.stringContaining(path),
    });
  });
});

test('a detector that was trained keeps the window', async () => {
  const stack = await makeStack({ ...EIGHT, type: 'uint16', full: 4095, window: to(4095) });
  await trainSegmentation(stack.root, (root) => openLabels(root, 'ada', 'training'), { unsupervised: true, steps: 1 });
  const trained = join(stack.root, '.adclick/models/detector-part/detector.onnx');
  const [inProject] = (await predict([stack.bad], { project: stack.root })) as [PredictResult];
  const [byFile] = (await predict([stack.bad], { detector: trained })) as [PredictResult];
  expect(byFile.score).toBe(inProject.score);
  const detector = await Detector.load(trained);
  onTestFinished(() => detector.close());
  expect(detector.card.windows).toEqual({ uint16: to(4095) });
});

describe('several pages', () => {
  const stackOf = (type: StoredType): Kind => ({
    ...EIGHT,
    type,
    full: type === 'uint8' ? 255 : 4095,
    window: to(4095),
  });

  test.each<StoredType>(['uint8', 'uint16', 'float32'])(
    '%s: the first is used, and it is said wherever it is looked at',
    async (type) => {
      const kind = stackOf(type);
      const stack = await makeStack(kind);
      const page = (values: Float32Array): TiffPage => ({
        width: WIDTH,
        height: HEIGHT,
        type,
        sample: (i) => (type === 'float32' ? 1 : kind.full) * values[i],
      });
      const pages = (seed: number, defect: boolean) =>
        writeTiff([page(scene(seed, defect)), page(scene(seed + 200, false))]);
      for (let i = 0; i < 6; i++) await writeFile(join(stack.root, 'train/good', `g${i}.tif`), pages(i + 1, false));
      await writeFile(stack.bad, pages(100, true));
      expect(await firstNotes(stack.project)).toEqual([expect.stringContaining('has 2 pages, the first is used')]);
      const notes: string[] = [];
      await indexProject(stack.root, { note: (text) => notes.push(text) });
      expect(notes).toEqual([expect.stringMatching(/g0\.tif has 2 pages, the first is used; so it is with 5 more/)]);
      const [line] = (await predict([stack.bad], { project: stack.root })) as PredictResult[];
      expect(line).toMatchObject({ isDefect: true, notes: ['has 2 pages, the first is used'] });
      const labelled = await labelPicture({
        picture: stack.bad,
        clicks: [CENTRE],
        project: stack.root,
        out: join(stack.root, 'm.png'),
      });
      expect(labelled.notes).toEqual(['has 2 pages, the first is used']);
    },
  );
});

describe('the page', () => {
  const grey = async (payload: Buffer) => {
    const { data, channels } = await decodeImage(new Uint8Array(payload));
    const values = Array.from({ length: data.length / channels }, (_, i) => data[i * channels]).sort((a, b) => a - b);
    return [values[Math.floor(values.length * 0.2)], values[Math.floor(values.length * 0.7)]] as [number, number];
  };

  test.each<[string, Kind]>([
    ['8 bits', EIGHT],
    ['floats to 255', { ...EIGHT, type: 'float32', full: 255 }],
    ['12 bits', { ...EIGHT, type: 'png', full: 4095 }],
    ['signed', { ...EIGHT, type: 'int16', full: 4095 }],
  ])(
    '%s: pictures and thumbnails are neither white nor black, before the index is there and after',
    async (_name, kind) => {
      const stack = await makeStack(kind);
      const studio = await openStudio(stack.project);
      const app = await createApp(studio, { localUser: 'ada' });
      onTestFinished(() => app.close());
      const get = (path: string) =>
        app.inject({ method: 'GET', url: `${API}${path}`, headers: { host: 'localhost:4280' } });
      const tags: string[] = [];
      for (const round of ['before', 'after']) {
        for (const path of ['/images/1/picture', '/images/1/picture?size=thumbnail']) {
          const answer = await get(path);
          const [dark, bright] = await grey(answer.rawPayload);
          expect({ round, path, dark: Math.abs(dark - 51) < 20, bright: Math.abs(bright - 115) < 25 }).toEqual({
            ...{ round, path },
            ...{ dark: true, bright: true },
          });
          tags.push(String(answer.headers.etag));
        }
        if (round === 'before') await indexProject(stack.root);
      }
      // What was seen through a window of its own is not taken for what the models see.
      const same = tags[0] === tags[2] && tags[1] === tags[3];
      expect(same).toBe(kind === EIGHT);
      const [cut] = await grey((await get('/images/1/picture?low=32768&high=65535')).rawPayload);
      expect(cut).toBe(0);
    },
  );

  test('says which samples are black and white, and what else is to be known', async () => {
    const kind: Kind = { ...EIGHT, type: 'uint16', full: 4095, window: to(4095) };
    const stack = await makeStack(kind);
    const bright = scene(102, true).map((value) => 2 * value);
    await writePicture(join(stack.root, 'test/bad', 'b2'), kind, bright);
    const studio = await openStudio(stack.project, { background: true });
    const ready = new Promise<void>((resolve) =>
      studio.bus.listen((event) => {
        if (event.kind === 'ready' && event.id === 3) resolve();
      }),
    );
    const app = await createApp(studio, { localUser: 'ada' });
    onTestFinished(() => app.close());
    const detail = async (id: number) =>
      (await app.inject({ method: 'GET', url: `${API}/images/${id}`, headers: { host: 'localhost:4280' } })).json();
    // Told by the studio: asking the server again and again would hold the background work back.
    await ready;
    expect(await detail(3)).toMatchObject({
      path: 'test/bad/b2.tif',
      ready: true,
      seen: { type: 'uint16', low: 0, high: 4095 },
      notes: [expect.stringContaining('the window of the good pictures is 0 to 4095')],
    });
  });
});
