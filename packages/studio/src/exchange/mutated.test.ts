/**
 * Files of every format, mutated: reading them gives images that make sense or a coded error that names the file, never anything else.
 * A few hundred in every run; `ADCLICK_FUZZ=10000` sets their number.
 */
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CodedError } from '@adclick/core';
import { decodeRle, rleArea } from '@adclick/core/geometry';
import fc from 'fast-check';
import { strToU8, zipSync } from 'fflate';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { all, bitmapOf, MemoryStore } from '../../test/labels.ts';
import { FORMATS, type Format } from '../api.ts';
import { uniteRle } from '../history/bitmaps.ts';
import { EXCHANGE_FORMATS } from './formats.ts';
import { safePath } from './paths.ts';
import { openMemory, openZip, type Source } from './source.ts';
import { exportLabels } from './transfer.ts';
import type { LabelledImage, LeftOut } from './types.ts';

const RUNS = Math.ceil(Number(process.env.ADCLICK_FUZZ ?? 480) / FORMATS.length);
/** A few runs are the same each time, so that some of them are harmless; many are others each time. */
const SEED = process.env.ADCLICK_FUZZ === undefined ? { seed: 2 } : {};

const RINGS = bitmapOf('#####.', '#...#.', '#.#.#.', '#...#.', '######');
const IMAGES: LabelledImage[] = [
  { path: 'test/scratch/000.png', width: 6, height: 5, state: 'defect', layers: [{ type: 'scratch', rle: RINGS }] },
  {
    path: 'test/dent/ü 1.jpg',
    width: 3,
    height: 2,
    state: 'defect',
    layers: [
      { type: 'dent', rle: bitmapOf('#..', '...') },
      { type: 'scratch', rle: bitmapOf('..#', '.##') },
    ],
  },
  { path: 'train/good/0.png', width: 6, height: 5, state: 'good', layers: [] },
];

let root = '';
const exported = new Map<Format, Map<string, Uint8Array>>();
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'adclick-mutated-'));
  for (const format of FORMATS) {
    const target = join(root, format);
    await exportLabels(new MemoryStore(IMAGES), { format, target });
    const files = new Map<string, Uint8Array>();
    for (const entry of await readdir(target, { recursive: true, withFileTypes: true })) {
      const path = join(entry.parentPath, entry.name);
      if (entry.isFile()) files.set(path.slice(target.length + 1), new Uint8Array(await readFile(path)));
    }
    exported.set(format, files);
  }
});
afterAll(() => rm(root, { recursive: true }));

type Mutation = (bytes: Uint8Array) => Uint8Array;

const splice = (bytes: Uint8Array, at: number, remove: number, insert: ArrayLike<number>) =>
  Uint8Array.from([...bytes.subarray(0, at), ...Array.from(insert), ...bytes.subarray(at + remove)]);

/** Bytes cut off, altered, taken out, put in. */
const byteMutation: fc.Arbitrary<Mutation> = fc
  .tuple(
    fc.constantFrom('cut', 'flip', 'remove', 'insert', 'digit'),
    fc.double({ min: 0, max: 0.9999, noNaN: true }),
    fc.integer({ min: 1, max: 20 }),
    fc.uint8Array({ minLength: 1, maxLength: 6 }),
  )
  .map(([kind, where, count, junk]) => (bytes) => {
    const at = Math.floor(where * bytes.length);
    switch (kind) {
      case 'cut':
        return bytes.slice(0, at);
      case 'flip':
        return bytes.map((byte, i) => (i === at ? byte ^ (junk[0] || 1) : byte));
      case 'remove':
        return splice(bytes, at, count, []);
      case 'insert':
        return splice(bytes, at, 0, junk);
      default: {
        // The next digit becomes another, so that the text stays well-formed.
        const digit = bytes.findIndex((byte, i) => i >= at && byte >= 0x30 && byte <= 0x39);
        return bytes.map((byte, i) => (i === digit ? 0x30 + (count % 10) : byte));
      }
    }
  });

const ODD = [
  null,
  -1,
  0,
  3,
  1e9,
  1e308,
  0.5,
  '',
  '../../x',
  '/etc/passwd',
  'x'.repeat(2000),
  {},
  [],
  [[[]]],
  true,
  [-1, 1e9, null],
];

/** A value somewhere in a JSON file replaced by an odd one, taken out, or doubled. */
const jsonMutation: fc.Arbitrary<Mutation> = fc
  .tuple(
    fc.array(fc.double({ min: 0, max: 0.9999, noNaN: true }), { minLength: 1, maxLength: 9 }),
    fc.constantFrom<unknown>(...ODD),
    fc.constantFrom('replace', 'remove', 'double'),
  )
  .map(([way, odd, kind]) => (bytes) => {
    const content = JSON.parse(new TextDecoder().decode(bytes));
    let at = content;
    let key: string | undefined;
    let holder: Record<string, unknown> | undefined;
    for (const step of way) {
      if (typeof at !== 'object' || at === null) break;
      const keys = Object.keys(at);
      if (keys.length === 0) break;
      holder = at;
      key = keys[Math.floor(step * keys.length)];
      at = at[key];
    }
    if (holder && key !== undefined) {
      if (kind === 'remove') delete holder[key];
      else if (kind === 'double' && Array.isArray(holder)) holder.push(holder[Number(key)]);
      else holder[key] = odd;
    }
    return strToU8(JSON.stringify(content));
  });

/** A number or a quoted text of a text file replaced by an odd one. */
const textMutation: fc.Arbitrary<Mutation> = fc
  .tuple(
    fc.double({ min: 0, max: 0.9999, noNaN: true }),
    fc.constantFrom('-1', '1e9', '99999999', 'NaN', '', '../x', '0.5', '<', '&x;', '\0'),
  )
  .map(([where, odd]) => (bytes) => {
    const text = new TextDecoder().decode(bytes);
    const values = [...text.matchAll(/\d+(\.\d+)?|(?<=")[^"\n]*(?=")/g)];
    const found = values[Math.floor(where * values.length)];
    if (!found) return bytes;
    return strToU8(text.slice(0, found.index) + odd + text.slice(found.index + found[0].length));
  });

/** Where the pixels and the types of annotations stand in the files of a format: spoiling them must not make a picture good. */
const ANNOTATIONS: Readonly<Record<Format, { readonly files: RegExp; readonly inside: RegExp }>> = {
  mvtec: { files: /_mask\.png$/, inside: /./ },
  voc: { files: /SegmentationClass\/.+\.png$/, inside: /./ },
  yolo: { files: /^labels\/.+\.txt$/, inside: /[^\s]+/g },
  cvat: { files: /\.xml$/, inside: /(?<=<mask [^>]*\b(?:label|rle|left|top|width|height)=")[^"]*(?=")/g },
  coco: { files: /instances/, inside: /^annotations\.\d+\.(segmentation|category_id)\b/ },
  datumaro: { files: /^annotations/, inside: /^items\.\d+\.annotations\.\d+\.(type|label_id|rle)\b/ },
  labelme: { files: /(scratch|dent).*\.json$/, inside: /^shapes\.\d+\.(label|points|shape_type|mask)\b/ },
  labelstudio: { files: /^tasks/, inside: /^\d+\.annotations\.\d+\.result\.\d+\.value\.(format|rle|brushlabels)\b/ },
};

/** All values of a JSON file whose place fits, as functions that put another one there. */
function places(at: unknown, inside: RegExp, way: readonly string[] = []): ((odd: unknown) => void)[] {
  if (typeof at !== 'object' || at === null) return [];
  const holder = at as Record<string, unknown>;
  return Object.keys(holder).flatMap((key) => {
    const here = [...way, key];
    const put = (odd: unknown) => {
      holder[key] = odd;
    };
    return [...(inside.test(here.join('.')) ? [put] : []), ...places(holder[key], inside, here)];
  });
}

/** One annotation of a file spoiled, its image and everything else left alone. */
const spoilingOf = (format: Format, name: string): fc.Arbitrary<Mutation> => {
  const { inside } = ANNOTATIONS[format];
  if (name.endsWith('.png')) return byteMutation;
  return fc
    .tuple(fc.double({ min: 0, max: 0.9999, noNaN: true }), fc.constantFrom<unknown>(...ODD))
    .map(([where, odd]) => (bytes) => {
      const text = new TextDecoder().decode(bytes);
      if (name.endsWith('.json')) {
        const content = JSON.parse(text);
        const found = places(content, inside);
        found[Math.floor(where * found.length)]?.(odd);
        return strToU8(JSON.stringify(content));
      }
      const values = [...text.matchAll(inside)];
      const found = values[Math.floor(where * values.length)];
      if (!found) return bytes;
      const put = typeof odd === 'object' || odd === '' ? '?' : String(odd);
      return strToU8(text.slice(0, found.index) + put + text.slice(found.index + found[0].length));
    });
};

const mutationOf = (name: string): fc.Arbitrary<Mutation> => {
  if (name.endsWith('.json')) return fc.oneof(byteMutation, jsonMutation, jsonMutation, textMutation);
  return /\.(png)$/.test(name) ? byteMutation : fc.oneof(byteMutation, textMutation);
};

interface Outcome {
  readonly images: readonly LabelledImage[];
  readonly leftOut: readonly LeftOut[];
  readonly refused: boolean;
}

/** Pixels that are in some layer. */
const area = (layers: LabelledImage['layers']) =>
  layers.length === 0 ? 0 : rleArea(layers.map(({ rle }) => rle).reduce(uniteRle));

/** Reads everything; what it gives makes sense, what it throws is coded and names the file. */
async function readOrRefuse(format: Format, open: () => Source, names: readonly string[]): Promise<Outcome> {
  const leftOut: LeftOut[] = [];
  try {
    const source = open();
    const images = await all(EXCHANGE_FORMATS[format].read(source, { leftOut: (entry) => leftOut.push(entry) }));
    for (const { path, width, height, layers } of images) {
      expect(safePath(path, 'test')).toBe(path);
      for (const { type, rle } of layers) {
        expect(type).not.toBe('');
        expect(rle).toMatchObject({ width, height });
        expect(decodeRle(rle)).toContain(1);
      }
    }
    for (const { reason } of leftOut) expect(reason).not.toMatch(/\{\w+\}|\[object/);
    return { images, leftOut, refused: false };
  } catch (error) {
    if (!(error instanceof CodedError)) throw error;
    expect(error.code).toMatch(
      /^ADC_(EXCHANGE_(FILE|NAME|LIMIT|EMPTY)|IMAGE_(EMPTY|UNREADABLE|TRUNCATED|TOO_LARGE)|MASK_(SIZE|VALUES))$/,
    );
    expect(
      names.some((name) => error.message.includes(name)),
      error.message,
    ).toBe(true);
    expect(error.message).not.toMatch(/\{\w+\}|undefined|\[object/);
    return { images: [], leftOut, refused: true };
  }
}

describe.each(FORMATS)('%s', (format) => {
  test('mutated files are read or refused', async () => {
    const outcomes = { read: 0, leftOut: 0 };
    const files = exported.get(format) as Map<string, Uint8Array>;
    const mutated = fc
      .constantFrom(...files.keys())
      .chain((name) => fc.tuple(fc.constant(name), fc.array(mutationOf(name), { minLength: 1, maxLength: 2 })));
    await fc.assert(
      fc.asyncProperty(mutated, async ([name, mutations]) => {
        let bytes = files.get(name) as Uint8Array;
        try {
          for (const mutate of mutations) bytes = mutate(bytes);
        } catch (error) {
          // A second mutation may not be able to parse what the first left; the first alone will do.
          if (!(error instanceof SyntaxError)) throw error;
        }
        const open = () => openMemory(new Map(files).set(name, bytes), 'folder');
        const { leftOut, refused } = await readOrRefuse(format, open, ['folder']);
        outcomes[refused || leftOut.length > 0 ? 'leftOut' : 'read']++;
      }),
      { numRuns: RUNS, ...SEED },
    );
    expect(outcomes.read, 'some mutations are harmless').toBeGreaterThan(0);
    expect(outcomes.leftOut, 'most are not').toBeGreaterThan(0);
  }, 600_000);

  test('a spoiled annotation never makes a picture good: it is read, or it is told', async () => {
    const files = exported.get(format) as Map<string, Uint8Array>;
    const spoiled = fc
      .constantFrom(...[...files.keys()].filter((name) => ANNOTATIONS[format].files.test(name)))
      .chain((name) => fc.tuple(fc.constant(name), spoilingOf(format, name)));
    let told = 0;
    await fc.assert(
      fc.asyncProperty(spoiled, async ([name, spoil]) => {
        const changed = new Map(files).set(name, spoil(files.get(name) as Uint8Array));
        const { images, leftOut, refused } = await readOrRefuse(format, () => openMemory(changed, 'folder'), [
          'folder',
        ]);
        if (refused || leftOut.length > 0) told++;
        if (refused) return;
        for (const { path, layers } of IMAGES) {
          const found = images.filter((image) => image.path === path);
          if (layers.length === 0) continue;
          expect(found.filter((image) => image.layers.length === 0)).toEqual([]);
          // A type that became another valid one is united with that.
          const [now = []] = found.map((image) => image.layers);
          const lost = now.length < layers.length && area(now) !== area(layers);
          expect(!lost || leftOut.length > 0, JSON.stringify({ path, found })).toBe(true);
        }
      }),
      { numRuns: RUNS, ...SEED },
    );
    expect(told, 'some are unreadable').toBeGreaterThan(0);
  }, 600_000);

  test('a file that is missing, empty or of another format is refused or makes no difference', async () => {
    const files = exported.get(format) as Map<string, Uint8Array>;
    for (const name of files.keys()) {
      const without = new Map(files);
      without.delete(name);
      await readOrRefuse(format, () => openMemory(without, 'folder'), ['folder']);
      for (const junk of ['', '{}', '[]', 'null', '<a/>', '%PDF-1.4', '0 0 0 1 1'])
        await readOrRefuse(format, () => openMemory(new Map(files).set(name, strToU8(junk)), 'folder'), ['folder']);
    }
  });

  test('mutated archives are read or refused', async () => {
    const files = exported.get(format) as Map<string, Uint8Array>;
    const archive = zipSync(Object.fromEntries(files));
    await fc.assert(
      fc.asyncProperty(byteMutation, async (mutate) => {
        await readOrRefuse(format, () => openZip(mutate(archive), 'x.zip'), ['x.zip']);
      }),
      { numRuns: Math.ceil(RUNS / 3) },
    );
  }, 600_000);
});
