/** YOLO segmentation: a text file of polygons a picture. Holes hang on bridges; along pixel edges it is exact, simplified it is not. */
import { decodeRle, simplifyRing, traceBridged } from '@adclick/core/geometry';
import { stringify } from 'yaml';
import { fail } from '../errors.ts';
import { endingOf, nameOf, withoutEnding } from '../path-parts.ts';
import { hasPictureEnding } from '../project/folder-names.ts';
import type { Format, KnownPicture, ReadOptions } from './format.ts';
import { decodeText, linesOf, textBytes } from './json.ts';
import { pictureName } from './paths.ts';
import { Pictures } from './pictures.ts';
import { type Place, wrong } from './place.ts';
import { ImageReader, orLeaveOut } from './reading.ts';
import { filesEnding, type Source } from './source.ts';
import { type FileRecord, readRecords } from './target.ts';
import type { LabelledImage } from './types.ts';
import { readClasses } from './yolo-classes.ts';
import { numbersOf, type Reading, shapeOf, Tracks } from './yolo-lines.ts';

const SETTINGS = 'data.yaml';
const LABELS = 'labels';
const PICTURES = 'images';
/** Bytes that a file of polygons may have. */
const MOST_POLYGONS = 2 ** 25;
/** Texts that are no labels, whatever is in them. */
const NO_LABELS = /^(?:classes|predefined_classes|train|val|valid|test|requirements|readme.*|notes|labels)\.txt$/i;

/** A share of the picture's side, with digits for a thousandth of a pixel. */
const share = (value: number, side: number): string =>
  (value / side).toFixed(Math.max(6, Math.ceil(Math.log10(side)) + 3)).replace(/\.?0+$/, '');

function polygonLines(
  { width, height, layers }: LabelledImage,
  classOf: ReadonlyMap<string, number>,
  simplify: number,
) {
  const lines: string[] = [];
  for (const { type, rle } of layers)
    for (const ring of traceBridged(decodeRle(rle), width, height)) {
      const points = simplifyRing(ring, simplify).map((value, i) => share(value, i % 2 === 0 ? width : height));
      lines.push(`${classOf.get(type)} ${points.join(' ')}\n`);
    }
  return lines;
}

/** Path of a picture in a data set: `images/` and what stands for it in the project fall away. */
const pathIn = (picture: string) => picture.replace(/(^|\/)images\//i, '$1');

/** The picture that a file of labels is of: what the records say, else the one in `images/` in place of `labels/`, beside it, or above it. */
async function pictureOf(
  name: string,
  display: string,
  records: ReadonlyMap<string, FileRecord>,
  pictures: Pictures,
  { inProject }: ReadOptions,
): Promise<KnownPicture> {
  const record = records.get(name);
  if (record) return record;
  const place = { file: display, field: 'the whole file' };
  const stem = withoutEnding(name);
  const inside = (folder: string) => stem.replace(/^(|.*\/)labels\//i, (_, before: string) => `${before}${folder}`);
  for (const candidate of new Set([inside(`${PICTURES}/`), stem, inside('')])) {
    const [picture, other] = pictures.ofStem(candidate);
    if (other !== undefined) throw wrong(place, `it could be of ${picture} or of ${other}`);
    if (picture !== undefined)
      return { path: pictureName(pathIn(picture), display), ...(await pictures.sizeOf(picture)) };
  }
  const known = inProject?.(inside(''), true);
  if (known) return known;
  throw wrong(place, 'its picture is neither there nor in the project, so that its size is unknown');
}

async function readLine(
  reader: ImageReader,
  line: string,
  names: ReadonlyMap<number, string>,
  reading: Reading,
  at: Place,
) {
  const numbers = numbersOf(line);
  if (typeof numbers === 'string') return reader.refuse(`${at.field} ${numbers}`);
  const [index, ...values] = numbers;
  await reader.annotation({ ...at, field: `${at.field}, class ${index},` }, names.get(index), (painter, type) => {
    const shape = shapeOf(values, reading);
    if (typeof shape === 'string') return shape;
    const scaled = shape.values.map((value, i) => value * (i % 2 === 0 ? painter.width : painter.height));
    if (shape.kind === 'polygon') return painter.fill(type, [scaled], at);
    const [cx, cy, w, h] = scaled;
    return painter.box(type, cx - w / 2, cy - h / 2, w, h, at);
  });
}

/** Names of the files of labels: those in `labels/`, where there is such a folder. */
function labelFiles(source: Source): string[] {
  const texts = filesEnding(source, '.txt').filter((name) => !NO_LABELS.test(nameOf(name)));
  const inside = texts.filter((name) => /(^|\/)labels\//i.test(name));
  const names = inside.length > 0 ? inside : texts;
  if (names.length === 0) throw fail('ADC_EXCHANGE_EMPTY', { path: source.path, what: `there is no ${LABELS}/*.txt` });
  return names;
}

/** Whether a text is a list of pictures, as data sets have for each of their parts. */
const isList = (lines: readonly string[]) => lines.length > 0 && lines.every((line) => hasPictureEnding(line.trim()));

export const yolo: Format = {
  name: 'yolo',
  describe: 'YOLO segmentation polygons',
  exactness: 'polygons',

  async write(images, target, options) {
    const { simplify = 0, leftOut } = options;
    const classOf = new Map<string, number>();
    for await (const image of images) {
      const { path, width, height, layers } = image;
      const files = (stem: string) => [`${LABELS}/${stem}.txt`, `${PICTURES}/${stem}${endingOf(path)}`] as const;
      // The names of labels and copy agree.
      const [file, copy] = files(target.stemFor(path, files));
      if (!target.accepts(path, [file, copy], leftOut)) continue;
      for (const { type } of layers) if (!classOf.has(type)) classOf.set(type, classOf.size);
      await target.write(file, textBytes(polygonLines(image, classOf, simplify).join('')), path);
      target.record({ file, path, width, height });
      await target.copyPicture(image, copy, options);
    }
    const names = Object.fromEntries([...classOf].map(([type, index]) => [index, type]));
    await target.write(SETTINGS, textBytes(stringify({ path: '.', train: PICTURES, val: PICTURES, names })));
  },

  async *read(source, options) {
    const { leftOut } = options;
    const names = labelFiles(source);
    const classes = await readClasses(source, leftOut);
    const records = await readRecords(source, 'yolo');
    const pictures = new Pictures(source, options.inProject);
    const open = async (name: string) => {
      const text = decodeText(await source.read(name), source.display(name), MOST_POLYGONS);
      return linesOf(text)
        .map((line, i) => ({ line, number: i + 1 }))
        .filter(({ line }) => line.trim() !== '');
    };
    const tracks = new Tracks();
    if (!classes.keypoints)
      for (const name of names.filter((each) => !records.has(each))) {
        const lines = await orLeaveOut(
          () => undefined,
          { path: name },
          () => open(name),
        );
        for (const { line } of lines ?? []) tracks.add(line);
      }
    const { keypoints } = classes;
    const tracked = tracks.behind;
    for (const name of names) {
      const image = await orLeaveOut(leftOut, { path: name }, async () => {
        options.budget?.begin(source.display(name));
        const lines = await open(name);
        if (isList(lines.map(({ line }) => line))) return undefined;
        const file = source.display(name);
        const { path, width, height } = await pictureOf(name, file, records, pictures, options);
        const reader = new ImageReader(path, width, height, { file, field: 'size' }, options);
        const reading = { keypoints, tracked, polygons: records.has(name) };
        for (const { line, number } of lines)
          await readLine(reader, line, classes.names, reading, { file, field: `line ${number}` });
        return reader.finish();
      });
      if (image) yield image;
    }
  },
};
