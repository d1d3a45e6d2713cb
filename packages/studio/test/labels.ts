/** Labelled images for tests: random ones, a store in memory, and comparing what came back. */
import { decodeRle, encodeRle, type Rle } from '@adclick/core/geometry';
import fc from 'fast-check';
import type { LabelStore } from '../src/exchange/label-store.ts';
import type { LabelledImage, Replaced } from '../src/exchange/types.ts';

/** Types whose names are hard for some format: markup, separators, the word for good pictures. */
export const TYPES = ['scratch', 'dent', 'a/b', 'good', 'Größe & "x" <y>', 'a:b, c', '#0'];
const PATHS = [
  'train/good/1.png',
  'test/scratch/000.png',
  'test/dent/000.png',
  'test/good/7.jpg',
  "b c/ü & 'x'.png",
  'x.tiff',
  'parts/bracket/test/dent/000.png',
];

/** A bitmap as rows of text, "#" for set pixels. */
export function bitmapOf(...rows: string[]): Rle {
  return encodeRle(
    [...rows.join('')].map((pixel) => (pixel === '#' ? 1 : 0)),
    rows[0]?.length ?? 0,
    rows.length,
  );
}

const layers = (width: number, height: number, types: readonly string[]) =>
  fc.dictionary(
    fc.constantFrom(...types),
    fc.tuple(
      fc.integer({ min: 1, max: 9 }),
      fc.array(fc.integer({ min: 0, max: 9 }), { minLength: width * height, maxLength: width * height }),
    ),
    { maxKeys: 3, noNullPrototype: true },
  );

/** Sets of images with random masks: parts, holes, corners that touch, borders, several types that may overlap. */
export const imageSets = (types: readonly string[] = TYPES): fc.Arbitrary<LabelledImage[]> =>
  fc.uniqueArray(fc.constantFrom(...PATHS), { minLength: 1, maxLength: 4 }).chain((paths) =>
    fc.tuple(
      ...paths.map((path) =>
        fc.tuple(fc.integer({ min: 1, max: 11 }), fc.integer({ min: 1, max: 11 })).chain(([width, height]) =>
          layers(width, height, types).map((found): LabelledImage => {
            const made = Object.entries(found).map(([type, [density, values]]) => ({
              type,
              rle: encodeRle(
                values.map((value) => (value < density ? 1 : 0)),
                width,
                height,
              ),
            }));
            const kept = made.filter(({ rle }) => rle.counts.length > 0);
            return { path, width, height, state: kept.length > 0 ? 'defect' : 'good', layers: kept };
          }),
        ),
      ),
    ),
  );

/** The same images with each pixel in the first of its types only. */
export function disjoint(images: readonly LabelledImage[]): LabelledImage[] {
  return images.map((image) => {
    const taken = new Uint8Array(image.width * image.height);
    const kept = image.layers.map(({ type, rle }) => {
      const data = decodeRle(rle).map((set, i) => (set && !taken[i] ? 1 : 0));
      data.forEach((set, i) => {
        if (set) taken[i] = 1;
      });
      return { type, rle: encodeRle(data, image.width, image.height) };
    });
    return { ...image, layers: kept.filter(({ rle }) => rle.counts.length > 0) };
  });
}

/** What counts of an image: path, state, and masks by type. The size where there is a mask. */
export const essence = (images: readonly LabelledImage[]) =>
  Object.fromEntries(
    images.map(({ path, state, layers: found }) => [
      path,
      { state, layers: Object.fromEntries(found.map(({ type, rle }) => [`type ${type}`, rle])) },
    ]),
  );

/** A store that holds images in memory. */
export class MemoryStore implements LabelStore {
  readonly held = new Map<string, LabelledImage>();

  constructor(images: readonly LabelledImage[]) {
    for (const image of images) this.held.set(image.path, image);
  }

  async *images(): AsyncIterable<LabelledImage> {
    yield* this.held.values();
  }

  async isDefective(path: string): Promise<boolean> {
    const image = this.held.get(path);
    return image !== undefined && (image.state === 'defect' || image.layers.length > 0);
  }

  async put(image: LabelledImage): Promise<Replaced | undefined> {
    const { path, layers, partial } = image;
    const before = this.held.get(path)?.layers ?? [];
    const brought = new Set(layers.map(({ type }) => type));
    const stay = partial ? before.filter(({ type }) => !brought.has(type)) : [];
    this.held.set(path, { ...image, layers: [...layers, ...stay] });
    return before.length > stay.length ? { path } : undefined;
  }
}

/** Everything of an iterable. */
export async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const out: T[] = [];
  for await (const item of items) out.push(item);
  return out;
}
