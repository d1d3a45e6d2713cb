/** YOLO segmentation: a text file of polygons a picture. Holes hang on bridges; along pixel edges it is exact, simplified it is not. */
import { decodeRle, imageSize } from '@adclick/core';
import { parse as parseYaml, stringify } from 'yaml';
import { z } from 'zod';
import { fail } from '../errors.ts';
import { simplifyRing, traceBridged } from './contours.ts';
import { decodeText, fieldName, issueText, textBytes } from './json.ts';
import { Painter, wrong } from './painter.ts';
import { nameOf, safePath, withoutEnding } from './paths.ts';
import { filesEnding, type Source } from './source.ts';
import { type FileRecord, readRecords } from './target.ts';
import type { Format, LabelledImage } from './types.ts';

const SETTINGS = 'data.yaml';
const LABELS = 'labels';
const PICTURES = 'images';
/** Bytes that a file of names, and a file of polygons, may have. */
const MOST_NAMES = 2 ** 20;
const MOST_POLYGONS = 2 ** 25;
const PICTURE_ENDINGS = ['.png', '.jpg', '.jpeg', '.tif', '.tiff', '.bmp', '.webp'] as const;
const NO_LABELS = new Set(['classes.txt', 'train.txt', 'val.txt', 'test.txt', 'requirements.txt', 'readme.txt']);

const settings = z.object({
  names: z.union([z.array(z.string()), z.record(z.string().regex(/^\d{1,9}$/, 'a class is a number'), z.string())]),
});

/** A share of the picture's side, with digits for a thousandth of a pixel. */
const share = (value: number, side: number): string =>
  (value / side).toFixed(Math.max(6, Math.ceil(Math.log10(side)) + 3)).replace(/\.?0+$/, '');

function linesOf({ width, height, layers }: LabelledImage, classOf: ReadonlyMap<string, number>, simplify: number) {
  const lines: string[] = [];
  for (const { type, rle } of layers)
    for (const ring of traceBridged(decodeRle(rle), width, height)) {
      const points = simplifyRing(ring, simplify).map((value, i) => share(value, i % 2 === 0 ? width : height));
      lines.push(`${classOf.get(type)} ${points.join(' ')}\n`);
    }
  return lines;
}

/** Names of the classes. @throws ADC_EXCHANGE_FILE, ADC_EXCHANGE_EMPTY. */
async function readClasses(source: Source): Promise<Map<number, string>> {
  const name = filesEnding(source, '.yaml', '.yml')[0];
  if (name !== undefined) {
    const file = source.display(name);
    const text = decodeText(await source.read(name), file, MOST_NAMES);
    let content: unknown;
    try {
      // No aliases, so that a few lines cannot become many.
      content = parseYaml(text, { maxAliasCount: 0, logLevel: 'silent' });
    } catch (error) {
      throw wrong({ file, field: 'YAML' }, (error as Error).message.split('\n')[0] ?? '', error);
    }
    const checked = settings.safeParse(content);
    if (!checked.success)
      throw wrong({ file, field: fieldName(checked.error.issues[0]?.path ?? []) }, issueText(checked.error.issues[0]));
    const entries = Object.entries(checked.data.names).map(([index, type]) => [Number(index), type] as const);
    return new Map(entries);
  }
  const list = source.files.find((file) => nameOf(file) === 'classes.txt');
  if (list === undefined)
    throw fail('ADC_EXCHANGE_EMPTY', { path: source.path, what: `there is neither ${SETTINGS} nor classes.txt` });
  const lines = decodeText(await source.read(list), source.display(list), MOST_NAMES).split(/\r?\n/);
  return new Map(lines.flatMap((line, i) => (line.trim() === '' ? [] : [[i, line.trim()] as const])));
}

/** The picture that a file of labels is of: from the records, else beside it or in `images/` in place of `labels/`. */
async function pictureOf(
  source: Source,
  name: string,
  records: ReadonlyMap<string, FileRecord>,
  pictures: ReadonlyMap<string, string>,
): Promise<{ path: string; width: number; height: number }> {
  const record = records.get(name);
  if (record) return record;
  const stem = withoutEnding(name);
  const moved = stem.replace(/(^|.*\/)labels\//, (_, before: string) => `${before}${PICTURES}/`);
  const picture = pictures.get(moved) ?? pictures.get(stem);
  if (picture === undefined)
    throw wrong(
      { file: source.display(name), field: 'the whole file' },
      'its picture is not there, so that its size is unknown',
    );
  const path = safePath(picture.replace(/^(?:.*\/)?images\//, ''), source.path);
  return { path, ...imageSize(await source.read(picture), source.display(picture)) };
}

function paintLine(painter: Painter, line: string, classes: ReadonlyMap<number, string>, file: string, number: number) {
  const field = `line ${number}`;
  const values = line.trim().split(/\s+/).map(Number);
  const odd = values.findIndex((value) => !Number.isFinite(value));
  if (odd >= 0) throw wrong({ file, field }, `value ${odd + 1} is no number`);
  const type = classes.get(values[0]);
  if (type === undefined) throw wrong({ file, field }, `there is no class ${values[0]}`);
  const { width, height } = painter;
  const numbers = values.slice(1).map((value, i) => value * (i % 2 === 0 ? width : height));
  if (numbers.length === 4) {
    const [cx, cy, w, h] = numbers;
    painter.box(type, cx - w / 2, cy - h / 2, w, h, { file, field });
  } else painter.fill(type, [numbers], { file, field });
}

export const yolo: Format = {
  name: 'yolo',
  describe: 'YOLO segmentation polygons',
  exactness: 'polygons',

  async write(images, target, { pictureOf: pictureAt, simplify = 0, leftOut }) {
    const classOf = new Map<string, number>();
    for await (const image of images) {
      const { path, width, height, layers } = image;
      for (const { type } of layers) if (!classOf.has(type)) classOf.set(type, classOf.size);
      const file = `${LABELS}/${withoutEnding(path)}.txt`;
      await target.write(file, textBytes(linesOf(image, classOf, simplify).join('')), path);
      target.record({ file, path, width, height });
      const missing = pictureAt && (await target.copy(pictureAt(image), `${PICTURES}/${path}`, path));
      if (missing) leftOut({ path, reason: missing });
    }
    const names = Object.fromEntries([...classOf].map(([type, index]) => [index, type]));
    await target.write(SETTINGS, textBytes(stringify({ path: '.', train: PICTURES, val: PICTURES, names })));
  },

  async *read(source) {
    const texts = filesEnding(source, '.txt').filter((name) => !NO_LABELS.has(nameOf(name).toLowerCase()));
    const inside = texts.filter((name) => /(^|\/)labels\//.test(name));
    const names = inside.length > 0 ? inside : texts;
    if (names.length === 0)
      throw fail('ADC_EXCHANGE_EMPTY', { path: source.path, what: `there is no ${LABELS}/*.txt` });
    const classes = await readClasses(source);
    const records = await readRecords(source, 'yolo');
    const pictures = new Map(filesEnding(source, ...PICTURE_ENDINGS).map((name) => [withoutEnding(name), name]));
    const seen = new Set<string>();
    for (const name of names) {
      const file = source.display(name);
      const { path, width, height } = await pictureOf(source, name, records, pictures);
      if (seen.has(path)) throw fail('ADC_EXCHANGE_NAME', { name: path, path: file, what: 'it is there twice' });
      seen.add(path);
      const painter = new Painter(width, height, { file, field: 'size' });
      const lines = decodeText(await source.read(name), file, MOST_POLYGONS).split(/\r?\n/);
      for (const [i, line] of lines.entries()) if (line.trim() !== '') paintLine(painter, line, classes, file, i + 1);
      yield painter.finish(path);
    }
  },
};
