/** Maps of other methods: what NumPy, tifffile and Pillow write gives scikit-learn's and MVTec's figures; what is no map of the pictures is refused. */
import { cp, mkdir, readdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { writeMask, writePng } from '@adclick/core';
import { MapWriter } from '@adclick/core/evaluation';
import { beforeEach, describe, expect, test } from 'vitest';
import { temporaryFolder, writeFlat } from '../../test/sample.ts';
import { evaluateMaps } from './map-evaluation.ts';

interface Golden {
  readonly width: number;
  readonly height: number;
  readonly pictures: readonly { readonly type: string; readonly name: string; readonly mask: readonly number[] }[];
  readonly cases: readonly {
    readonly name: string;
    /** Base64 by `<type>/<name>.<ending>`. */
    readonly files: Readonly<Record<string, string>>;
    readonly ap: number;
    readonly pro: number;
    readonly pauroc: number;
    readonly iauroc: number;
  }[];
}
const GOLDEN = new URL('../../../core/test/fixtures/golden_maps.json', import.meta.url);
const { width, height, pictures, cases } = JSON.parse(await readFile(GOLDEN, 'utf8')) as Golden;
const [plain] = cases;
const caseOf = (name: string) => cases.find((each) => each.name === name) ?? expect.fail(name);

async function write(path: string, content: Uint8Array | string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, content);
}

/** A folder with the category `part` of the golden pictures, and one for maps. */
async function makeData(): Promise<{ data: string; maps: string }> {
  const data = await temporaryFolder();
  const root = join(data, 'part');
  for (const name of ['000', '001']) await writeFlat(join(root, 'train/good', `${name}.png`), 90, { width, height });
  for (const { type, name, mask } of pictures) {
    await writeFlat(join(root, 'test', type, `${name}.png`), 100, { width, height });
    const truth = { data: Uint8Array.from(mask), width, height, channels: 1 as const };
    if (type !== 'good') await writeMask(join(root, 'ground_truth', type, `${name}_mask.png`), truth);
  }
  return { data, maps: join(data, 'maps') };
}

const layOut = async (folder: string, files: Readonly<Record<string, string>>) => {
  for (const [way, content] of Object.entries(files)) await write(join(folder, way), Buffer.from(content, 'base64'));
};

let data: string;
let maps: string;
beforeEach(async () => {
  ({ data, maps } = await makeData());
});
const evaluate = (more: Partial<Parameters<typeof evaluateMaps>[0]> = {}) =>
  evaluateMaps({ data, category: 'part', maps, leaveOut: 0, ...more });
const folder = (...parts: string[]) => join(maps, 'part/test', ...parts);

describe('figures of scikit-learn and of MVTec', () => {
  test.each(cases.map((each) => [each.name, each] as const))('%s', async (name, golden) => {
    await layOut(folder(), golden.files);
    const answer = await evaluate();
    const resized = ['half', 'another', 'larger', 'lower'].some((word) => name.startsWith(word));
    // Weights of single precision move values by a ten-millionth, which a rank here and there may follow.
    const digits = resized ? 6 : 12;
    for (const figure of ['ap', 'pro', 'pauroc'] as const) expect(answer[figure]).toBeCloseTo(golden[figure], digits);
    expect(answer.iauroc).toBeCloseTo(golden.iauroc, 12);
    expect(answer).toMatchObject({ category: 'part', images: 6, defects: 4, maps: { scores: 'maximum' } });
    expect(answer.maps.resized).toBe(resized ? 6 : 0);
    expect(answer.notes.join(' ').includes('bilinearly')).toBe(resized);
    expect(answer.byType.map(({ type, images }) => [type, images])).toEqual([
      ['dent', 2],
      ['scratch', 2],
    ]);
  });
});

describe('layouts', () => {
  const figures = async () => {
    const { ap, pro, pauroc, iauroc, maps: found } = await evaluate();
    expect({ ap, pro, pauroc, iauroc }).toEqual({
      ap: expect.closeTo(plain.ap, 12),
      pro: expect.closeTo(plain.pro, 12),
      pauroc: expect.closeTo(plain.pauroc, 12),
      iauroc: expect.closeTo(plain.iauroc, 12),
    });
    return found.folder;
  };

  test.each([
    ["of all categories, as MVTec's scripts", 'part/test'],
    ['of all categories, without test', 'part'],
    ['of the category', 'test'],
    ["of the category, without test, as anomalib's names", ''],
    ['of AD 2', 'part/test_public'],
  ])('a folder %s', async (_, way) => {
    await layOut(join(maps, way), plain.files);
    expect(await figures()).toBe(way.startsWith('part') ? join(maps, 'part') : maps);
  });

  test('as adclick predict names maps, beside its overlays and hidden files', async () => {
    for (const [way, content] of Object.entries(plain.files))
      await write(join(maps, way.replace('.tiff', '_map.tiff')), Buffer.from(content, 'base64'));
    await write(join(maps, 'dent/000_overlay.jpg'), 'overlay');
    await write(join(maps, '.cache/x.png'), 'hidden');
    await figures();
  });

  test('by the ways of pictures in another layout than MVTec AD', async () => {
    const root = join(data, 'part');
    await rename(join(root, 'train/good'), join(root, 'train/ok'));
    await rename(join(root, 'test/good'), join(root, 'test/ok'));
    for (const folder of ['test', 'ground_truth']) {
      await mkdir(join(root, folder, 'ko'));
      for (const type of ['dent', 'scratch'])
        for (const name of await readdir(join(root, folder, type)))
          await rename(join(root, folder, type, name), join(root, folder, 'ko', `${type}${name.replace('_mask', '')}`));
    }
    for (const [way, content] of Object.entries(plain.files)) {
      const [type, name] = way.split('/');
      const called = type === 'good' ? `ok/${name}` : `ko/${type}${name}`;
      await write(folder(called), Buffer.from(content, 'base64'));
    }
    await figures();
  });

  test('a type that is called as the category is; maps of good pictures to compare with are not asked for', async () => {
    await rename(join(data, 'part'), join(data, 'dent'));
    await layOut(maps, plain.files);
    await write(join(maps, 'train/good/000.npy'), 'not read');
    await expect(evaluate({ category: 'dent' })).resolves.toMatchObject({ maps: { folder: maps } });
  });
});

test('pictures that are left out need no map, and may have one', async () => {
  const { 'scratch/001.tiff': left, ...others } = plain.files;
  await layOut(folder(), others);
  await expect(evaluate()).rejects.toMatchObject({ code: 'ADC_MAPS' });
  const request = { leaveOut: 1, seed: 0 };
  const { pictures: seen } = await evaluate({ limit: 1 });
  expect(seen.map(({ type, name }) => `${type}/${name}`)).toEqual(['good/000', 'dent/000']);
  await layOut(folder(), { 'scratch/001.tiff': left });
  expect((await evaluate(request)).images).toBe(5);
});

test('maps that were stretched one by one are told, and so is where scores are from', async () => {
  await layOut(folder(), plain.files);
  expect((await evaluate()).notes).toEqual(["A picture's score is the largest value of its map."]);
  await rm(maps, { recursive: true });
  await layOut(folder(), caseOf('boolean array').files);
  expect((await evaluate()).notes.at(-1)).toMatch(/^Every map reaches 1: /);
});

describe('scores beside the maps', () => {
  const scores = () =>
    Object.fromEntries(pictures.map(({ type, name }, i) => [`test/${type}/${name}`, type === 'good' ? i / 10 : 1 + i]));
  beforeEach(() => layOut(folder(), plain.files));
  const writeScores = (content: unknown) =>
    write(join(maps, 'part/scores.json'), typeof content === 'string' ? content : JSON.stringify(content));

  test('go before the maps, and say what was decided', async () => {
    await writeScores({ scores: scores() });
    const { decisions, ...answer } = await evaluate();
    expect(answer).toMatchObject({ iauroc: 1, maps: { scores: 'file' }, notes: [] });
    expect(answer.ap).toBeCloseTo(plain.ap, 12);
    expect(decisions).toBeUndefined();
    await writeScores({ scores: scores(), defective: ['test/dent/000', 'good/001'], threshold: 0.5 });
    const page = join(data, 'report.html');
    expect((await evaluate({ report: page })).decisions).toMatchObject({ missed: 0.75, falseAlarms: 0.5 });
    expect(await readFile(page, 'utf8')).toContain('class="predicted"');
  });

  test.each<[string, () => unknown, string]>([
    ['no JSON', () => 'scores', 'it is no JSON'],
    ['a list', () => [1, 2], 'its content'],
    ['a text for a number', () => ({ scores: { 'test/dent/000': '1' } }), 'scores.test/dent/000'],
    ['an infinite number', () => '{"scores": {"test/dent/000": 1e999}}', 'scores.test/dent/000'],
    [
      'no number for a picture',
      () => ({ scores: { ...scores(), 'test/dent/001': undefined } }),
      'no score for test/dent/001',
    ],
    ['a picture that is not there', () => ({ scores: { ...scores(), 'test/dent/7': 1 } }), 'test/dent/7 is no picture'],
    ['two numbers for a picture', () => ({ scores: { ...scores(), 'dent/000': 1 } }), 'two scores for dent/000'],
    ['a decision on nothing', () => ({ scores: scores(), defective: ['dent/9'] }), 'dent/9 is no picture'],
  ])('%s is refused', async (_, content, what) => {
    await writeScores(content());
    const failed = expect(evaluate()).rejects;
    await failed.toMatchObject({ code: 'ADC_MAP_SCORES', message: expect.stringContaining(what) });
  });
});

/** A `.npy` file of zeros but for some values. */
function npy(
  values: Readonly<Record<number, number>>,
  header: Partial<Record<'descr' | 'order' | 'shape', string>> = {},
) {
  const { descr = "'<f4'", order = 'False', shape = `(${height}, ${width})` } = header;
  const text = `{'descr': ${descr}, 'fortran_order': ${order}, 'shape': ${shape}, }`.padEnd(117, ' ');
  const numbers = new Float32Array(width * height);
  for (const [i, value] of Object.entries(values)) numbers[Number(i)] = value;
  const head = Buffer.from(`\x93NUMPY\x01\x00\x76\x00${text}\n`, 'latin1');
  return Buffer.concat([head, new Uint8Array(numbers.buffer)]);
}

describe('what is no map is refused, with what it is', () => {
  beforeEach(() => layOut(folder(), caseOf('float32 array').files));
  const place = () => folder('dent/001.npy');

  test.each<[string, () => Uint8Array | string, string, string]>([
    ['NaN', () => npy({ 20: Number.NaN }), 'ADC_MAP', 'it holds NaN at 4,1'],
    [
      'infinities',
      () => npy({ 3: Infinity, 9: -Infinity }),
      'ADC_MAP',
      'it holds Infinity at 3,0, the first of 2 such values',
    ],
    ['Python objects', () => npy({}, { descr: "'|O'" }), 'ADC_MAP', 'it holds Python objects (dtype object)'],
    ['complex numbers', () => npy({}, { descr: "'<c16'" }), 'ADC_MAP', 'it holds numbers of type <c16'],
    ['records', () => npy({}, { descr: "[('a', '<f4')]" }), 'ADC_MAP', 'it holds records of several fields'],
    ['a stack of maps', () => npy({}, { shape: `(2, ${height / 2}, ${width})` }), 'ADC_MAP', 'its shape is (2, 6, 16)'],
    ['a row', () => npy({}, { shape: `(${height * width},)` }), 'ADC_MAP', 'its shape is (192)'],
    ['a number', () => npy({}, { shape: '()' }), 'ADC_MAP', 'bytes follow its 1 numbers'],
    ['a shape of more than there is', () => npy({}, { shape: '(9999, 9999)' }), 'ADC_MAP', 'it ends early: 768 of'],
    ['a shape of far too many', () => npy({}, { shape: '(99999999, 99999999)' }), 'ADC_MAP', 'more than 99999999'],
    [
      'a cut-off array',
      () => npy({}).subarray(0, 700),
      'ADC_MAP',
      'it ends early: 572 of 768 bytes of numbers are there',
    ],
    ['a cut-off header', () => npy({}).subarray(0, 60), 'ADC_MAP', 'it ends within its header'],
    ['two arrays', () => Buffer.concat([npy({}), npy({})]), 'ADC_MAP', '896 bytes follow its 192 numbers'],
    ['an unknown version', () => npy({}).fill(9, 6, 7), 'ADC_MAP', 'its format 9.0 is not known'],
    ['an empty file', () => '', 'ADC_IMAGE_EMPTY', 'zero bytes'],
    ['a text', () => 'maps of mine', 'ADC_IMAGE_UNREADABLE', 'it is'],
  ])('%s', async (_, content, code, what) => {
    await write(place(), content());
    const failed = expect(evaluate()).rejects;
    await failed.toMatchObject({ code, message: expect.stringContaining(what), next: expect.stringMatching(/^.+\.$/) });
    await failed.toMatchObject({ message: expect.stringContaining('dent/001.npy') });
  });

  test('beyond single precision', async () => {
    const header = { descr: "'<f8'", shape: `(${height / 2}, ${width})` };
    const bytes = npy({}, header);
    new DataView(bytes.buffer, bytes.byteOffset).setFloat64(128, 1e300, true);
    await write(place(), bytes);
    await expect(evaluate()).rejects.toMatchObject({ code: 'ADC_MAP' });
  });

  test.each<[string, (path: string) => Promise<void>, string, string]>([
    [
      'a drawing in colour',
      (path) => {
        const data = Uint8Array.from({ length: 3 * width * height }, (_, i) => i % 256);
        return writePng(path, { data, width, height, channels: 3 });
      },
      'ADC_MAP',
      'in colour: a drawing of a map',
    ],
    [
      'a map that is transparent in parts',
      (path) => {
        const data = Uint8Array.from({ length: 2 * width * height }, (_, i) => i % 256);
        return writePng(path, { data, width, height, channels: 2 });
      },
      'ADC_MAP',
      'transparent in parts',
    ],
    [
      'a cut-off TIFF',
      (path) => write(path, Buffer.from(plain.files['dent/001.tiff'], 'base64').subarray(0, 700)),
      'ADC_IMAGE_TRUNCATED',
      'ends too early',
    ],
    [
      'a TIFF with NaN',
      async (path) => {
        const bytes = Buffer.from(plain.files['dent/001.tiff'], 'base64');
        bytes.writeFloatLE(Number.NaN, bytes.length - 4);
        await write(path, bytes);
      },
      'ADC_MAP',
      'it holds NaN at 15,11',
    ],
  ])('%s', async (_, make, code, what) => {
    await rm(place());
    const path = folder(code === 'ADC_MAP' && !what.includes('NaN') ? 'dent/001.png' : 'dent/001.tiff');
    await make(path);
    await expect(evaluate()).rejects.toMatchObject({ code, message: expect.stringContaining(what) });
  });
});

describe('folders that are not those of the pictures are refused', () => {
  beforeEach(() => layOut(folder(), plain.files));

  test.each<[string, () => Promise<unknown>, string]>([
    ['no folder', () => rm(maps, { recursive: true }), 'it is no folder'],
    ['no maps', () => rm(folder(), { recursive: true }), 'there is no .tiff, .tif, .npy, .png file in it'],
    ['one map less', () => rm(folder('scratch/000.tiff')), 'no map for test/scratch/000; 5 of 6 pictures have one'],
    [
      'a map for no picture',
      () => cp(folder('dent/000.tiff'), folder('dent/002.tiff')),
      'test/dent/002.tiff is not named as a picture',
    ],
    [
      'a map of another name',
      () => rename(folder('dent/000.tiff'), folder('dent/0.tiff')),
      'test/dent/0.tiff is not named as a picture',
    ],
    [
      'two extensions',
      () => cp(folder('dent/000.tiff'), folder('dent/000.tif')),
      'test/dent/000.tif and test/dent/000.tiff are maps of the same picture',
    ],
    ['two folders', () => cp(folder('dent'), join(maps, 'part/dent'), { recursive: true }), 'maps of the same picture'],
    [
      'another category',
      () => rename(join(maps, 'part/test'), join(maps, 'part/elsewhere')),
      'none of its 6 files, such as part/elsewhere/dent/000.tiff, is named as a picture such as test/good/000',
    ],
  ])('%s', async (_, change, what) => {
    await change();
    const failed = expect(evaluate({ report: join(data, 'report.html') })).rejects;
    await failed.toMatchObject({ code: 'ADC_MAPS', message: expect.stringContaining(what) });
    await failed.toMatchObject({ next: expect.stringContaining('FOLDER/<category>/test/<type>/<name>.tiff') });
    expect(await readdir(data)).not.toContain('report.html');
  });

  test('a folder that holds itself is no endless work', async () => {
    await symlink(join(maps, 'part'), folder('again'));
    await expect(evaluate()).rejects.toMatchObject({ code: 'ADC_MAPS' });
  });

  test('two pictures of one name', async () => {
    await writeFlat(join(data, 'part/test/good/000.bmp'), 100, { width, height });
    await expect(evaluate()).rejects.toMatchObject({ code: 'ADC_DATASET' });
  });
});

describe('writing maps', () => {
  const map = {
    data: Float32Array.from({ length: 12 }, (_, i) => Math.sin(i) / 3),
    width: 4,
    height: 3,
    channels: 1 as const,
  };

  test('a folder is there as a whole or not at all', async () => {
    const writer = await MapWriter.open(maps, 'part');
    await writer.write({ type: 'dent', name: '000' }, { map, score: 0.1 + 0.2, isDefect: true });
    await writer.write({ type: 'good', name: '000' }, { map, score: 0, isDefect: false });
    expect((await readdir(maps)).filter((name) => !name.startsWith('.'))).toEqual([]);
    await writer.finish(0.25);
    await writer.abandon();
    expect(await readdir(maps)).toEqual(['part']);
    expect((await readdir(join(maps, 'part'), { recursive: true })).sort()).toEqual(
      ['scores.json', 'test', 'test/dent', 'test/dent/000.tiff', 'test/good', 'test/good/000.tiff'].map((way) =>
        join(way),
      ),
    );
    expect(JSON.parse(await readFile(join(maps, 'part/scores.json'), 'utf8'))).toEqual({
      threshold: 0.25,
      defective: ['test/dent/000'],
      scores: { 'test/dent/000': 0.1 + 0.2, 'test/good/000': 0 },
    });
    await expect(MapWriter.open(maps, 'part')).rejects.toMatchObject({ code: 'ADC_MAPS_EXIST' });
  });

  test('what was begun and given up leaves nothing; an empty folder is taken, a file is not', async () => {
    await mkdir(join(maps, 'part'), { recursive: true });
    const writer = await MapWriter.open(maps, 'part');
    await writer.write({ type: '../../..', name: '000' }, { map, score: 1 });
    await writer.abandon();
    expect(await readdir(data)).toEqual(['maps', 'part']);
    expect(await readdir(maps)).toEqual(['part']);
    await (await MapWriter.open(maps, 'part')).finish(0);
    expect(await readdir(join(maps, 'part'))).toEqual(['scores.json']);
    await write(join(maps, 'other'), 'a file');
    await expect(MapWriter.open(maps, 'other')).rejects.toMatchObject({ code: 'ADC_MAPS_EXIST' });
  });
});
