/** Pascal VOC: an indexed PNG of classes a picture. One type a pixel: where types overlap, the smaller one is kept. */
import { decodeRle, rleArea } from '@adclick/core/geometry';
import { alikeNumbers, type DecodedImage, decodeImage, encodeIndexedPng, imageSize } from '@adclick/core/image';
import { fail } from '../errors.ts';
import { endingOf, folderOf, withoutEnding } from '../path-parts.ts';
import { hasPictureEnding } from '../project/folder-names.ts';
import type { Format, ReadOptions } from './format.ts';
import { decodeText, linesOf, textBytes } from './json.ts';
import { boundsOf, type Painter } from './painter.ts';
import { pictureName, safePath } from './paths.ts';
import { isUnreadKind, UNREAD_KIND } from './pictures.ts';
import { type Place, wrong } from './place.ts';
import { ImageReader, orLeaveOut, sizeOr, unpainted } from './reading.ts';
import { filesEnding, type Source } from './source.ts';
import type { LabelledImage } from './types.ts';
import {
  LABELS,
  type Meanings,
  MOST_TEXT,
  PALETTE,
  readLabels,
  VOID,
  VOID_NAME,
  type VocLabels,
} from './voc-labels.ts';
import { childOf, escapeXml, readXml, type XmlElement } from './xml.ts';

const MASKS = 'SegmentationClass';
const OBJECTS = 'SegmentationObject';
const PICTURES = 'JPEGImages';
const ANNOTATIONS = 'Annotations';
const LISTS = 'ImageSets/Segmentation';
/** Times that each pixel of a mask is looked at. */
const PASSES = 6;

/** The classes of an image, one a pixel: larger layers first, so that smaller ones lie on top. */
function classMask({ width, height, layers }: LabelledImage, indexOf: ReadonlyMap<string, number>): Uint8Array {
  const out = new Uint8Array(width * height);
  for (const { type, rle } of [...layers].sort((a, b) => rleArea(b.rle) - rleArea(a.rle))) {
    const index = indexOf.get(type) ?? 0;
    decodeRle(rle).forEach((set, i) => {
      if (set) out[i] = index;
    });
  }
  return out;
}

function annotationOf({ path, width, height, layers }: LabelledImage): string {
  const objects = layers.map(({ type, rle }) => {
    const box = boundsOf(rle) ?? { x: 0, y: 0, width: 1, height: 1 };
    // VOC counts pixels from 1, both corners inside.
    const corners = `<xmin>${box.x + 1}</xmin><ymin>${box.y + 1}</ymin><xmax>${box.x + box.width}</xmax><ymax>${box.y + box.height}</ymax>`;
    return `  <object><name>${escapeXml(type)}</name><pose>Unspecified</pose><truncated>0</truncated><difficult>0</difficult><bndbox>${corners}</bndbox></object>\n`;
  });
  const size = `<width>${width}</width><height>${height}</height><depth>3</depth>`;
  const head = `  <folder></folder>\n  <filename>${escapeXml(path)}</filename>\n  <size>${size}</size>\n  <segmented>1</segmented>\n`;
  return `<annotation>\n${head}${objects.join('')}</annotation>\n`;
}

/** What a folder in VOC's layout says of one image. */
interface Entry {
  /** Folder that holds VOC's folders, with a slash at its end; and the image's name below them, without ending. */
  readonly prefix: string;
  readonly stem: string;
  readonly masks: string[];
  annotation?: string;
  objects?: string;
}

/** Everything that is said of images, by their names, in the order of the files. */
async function survey(
  source: Source,
  leftOut: ReadOptions['leftOut'],
): Promise<{ entries: readonly Entry[]; pictures: ReadonlyMap<string, string[]> }> {
  const entries = new Map<string, Entry>();
  const entry = (prefix: string, stem: string): Entry => {
    const key = `${prefix}\n${stem}`;
    const found = entries.get(key) ?? { prefix, stem, masks: [] };
    entries.set(key, found);
    return found;
  };
  const pictures = new Map<string, string[]>();
  for (const file of source.files) {
    const [, prefix = '', folder, name = ''] =
      /^(|.*\/)(SegmentationClass|SegmentationObject|Annotations|JPEGImages)\/(.+)$/i.exec(file) ?? [];
    const [kind, stem] = [folder?.toLowerCase(), withoutEnding(name)];
    if (kind === PICTURES.toLowerCase()) {
      const list = pictures.get(`${prefix}${stem}`) ?? [];
      list.push(name);
      pictures.set(`${prefix}${stem}`, list);
    } else if (kind === ANNOTATIONS.toLowerCase()) {
      if (endingOf(name).toLowerCase() === '.xml') entry(prefix, stem).annotation = file;
    } else if (kind !== undefined && hasPictureEnding(name)) {
      if (kind === MASKS.toLowerCase()) entry(prefix, stem).masks.push(file);
      else entry(prefix, stem).objects = file;
    } else if (kind === MASKS.toLowerCase() && isUnreadKind(name)) leftOut({ path: file, reason: UNREAD_KIND });
  }
  for (const file of filesEnding(source, '.txt')) {
    const [, prefix] = /^(|.*\/)ImageSets\/Segmentation\/[^/]+$/i.exec(file) ?? [];
    if (prefix === undefined) continue;
    const text = await orLeaveOut(leftOut, { path: file }, async () =>
      decodeText(await source.read(file), source.display(file)),
    );
    for (const line of linesOf(text ?? '')) {
      const said = /^"(.+)"$/.exec(line.trim())?.[1] ?? line;
      const stem = entries.has(`${prefix}\n${said}`) ? said : said.trim();
      // Images of which the list alone knows have lost their mask.
      if (stem !== '') entry(prefix, stem);
    }
  }
  return { entries: [...entries.values()], pictures };
}

async function readAnnotation(source: Source, name: string): Promise<XmlElement> {
  return readXml(await source.read(name), source.display(name), MOST_TEXT);
}

/** Path of the picture that an entry is of: what its annotation says, else the picture of that name, else the name alone. */
function pathOf(
  { prefix, stem }: Entry,
  annotation: XmlElement | undefined,
  pictures: ReadonlyMap<string, string[]>,
  source: Source,
): string {
  const said = annotation && childOf(annotation, 'filename')?.text;
  if (said) return pictureName(said, source.path, /[\\/]/.test(said) ? '' : folderOf(stem));
  const [first, second] = pictures.get(`${prefix}${stem}`) ?? [];
  if (first !== undefined && second !== undefined)
    throw fail('ADC_EXCHANGE_NAME', {
      name: stem,
      path: source.path,
      what: `it could be of ${first} and of ${second}`,
    });
  return safePath(first ?? stem, source.path);
}

/** Types that an annotation names. */
const namesIn = (annotation: XmlElement | undefined): string[] => [
  ...new Set(
    (annotation?.children ?? [])
      .filter(({ name }) => name === 'object')
      .map((object) => childOf(object, 'name')?.text ?? ''),
  ),
];

/** Bits of a grey PNG's values in the file; decoders widen those of less than 8 to the full range. */
const greyBits = (bytes: Uint8Array, { format }: DecodedImage): number =>
  format === 'png' && bytes[25] === 0 ? (bytes[24] ?? 8) : 8;

/** The values of a mask, one a pixel: colours, or the grey values of a file without any. */
function valuesOf(image: DecodedImage, bits: number, place: Place): { values: Uint32Array; grey: boolean } {
  const { data, width, height, channels, depth, alpha, lossy } = image;
  if (lossy) throw wrong(place, 'it is a JPEG, which does not keep the numbers of classes');
  const colours = channels - (alpha ? 1 : 0);
  const values = new Uint32Array(width * height);
  let grey = true;
  for (let i = 0, at = 0; i < values.length; i++, at += channels) {
    if (alpha && data[at + colours] === 0) continue;
    if (colours < 3) {
      const value = data[at];
      if (!Number.isInteger(value) || value < 0) throw wrong(place, `${value} is no number of a class`);
      values[i] = bits < 8 ? Math.round((value * (2 ** bits - 1)) / 255) : value;
    } else {
      grey &&= data[at] === data[at + 1] && data[at] === data[at + 2];
      values[i] = (data[at] << 16) | (data[at + 1] << 8) | data[at + 2];
    }
  }
  if (colours >= 3 && depth !== 8) throw wrong(place, `it has colours of ${depth} bits; those of classes have 8`);
  if (colours >= 3 && grey) for (let i = 0; i < values.length; i++) values[i] &= 255;
  return { values, grey };
}

/** How opaque each pixel of an image with alpha is. */
const alphaOf = ({ data, channels, width, height }: DecodedImage) =>
  Float32Array.from({ length: width * height }, (_, i) => data[(i + 1) * channels - 1]);

/** Values in words that a list of labels can be compared with. */
const valueText = (value: number, grey: boolean) =>
  grey ? `the value ${value}` : `the colour ${[value >> 16, (value >> 8) & 255, value & 255].join(',')}`;

/** Types of a mask that no list of labels speaks of: VOC's own, unless the annotation names others. */
function unlisted(meanings: Meanings, marked: readonly number[], names: readonly string[]): Meanings {
  const found = marked.map((value) => meanings.of(value)).filter((type) => typeof type === 'string');
  if (names.length === 0 || found.every((type) => names.includes(type))) return meanings;
  const [name] = names;
  // One class and one name: they are the same.
  if (marked.length === 1 && names.length === 1 && found.length === 1)
    return { of: (value) => (value === 0 ? null : name) };
  return { of: () => undefined, doubt: `there is no ${LABELS}, and its annotation names ${names.join(', ')}` };
}

/** Reads a class mask, class by class. @returns undefined when none of it could be read. */
async function readMask(
  file: string,
  path: string,
  bytes: Uint8Array,
  labels: VocLabels,
  names: readonly string[],
  options: ReadOptions,
): Promise<LabelledImage | undefined> {
  const place = { file, field: 'the mask' };
  const said = imageSize(bytes, file);
  if (!(options.fits?.(path, said.width, said.height) ?? true)) return unpainted(path, said.width, said.height);
  options.budget?.spend(PASSES * said.width * said.height);
  const image = await decodeImage(bytes, { path: file });
  const { width, height } = image;
  const { values, grey } = valuesOf(image, greyBits(bytes, image), place);
  const alike = await alikeNumbers(bytes, image);
  if (alike) throw wrong(place, `its palette has one colour for ${alike.join(' and ')}, which may be two classes`);
  if (image.alpha && !values.some((value) => value !== 0) && new Set(alphaOf(image)).size > 1)
    throw wrong(place, 'it has no colour but black where it is not transparent');
  const counts = new Map<number, number>();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  const marked = [...counts.keys()].filter((value) => value !== 0).sort((a, b) => a - b);
  const read: Meanings = grey ? labels.grey(new Set(marked)) : { of: (value) => labels.colour(value) };
  const meanings = labels.listed ? read : unlisted(read, marked, names);
  const reader = new ImageReader(path, width, height, { file, field: 'size' }, options);
  const unknown = marked.filter((value) => meanings.of(value) === undefined);
  const met = new Set<string>();
  for (const value of marked) {
    const type = meanings.of(value);
    if (typeof type !== 'string') continue;
    met.add(type);
    await reader.annotation(place, type, (painter) => paint(painter, type, values, value));
  }
  if (meanings.doubt !== undefined) reader.refuse(meanings.doubt);
  else if (unknown.length > 0) {
    const [first = 0] = unknown;
    const at = values.indexOf(first);
    const more = unknown.length > 1 ? `, and ${unknown.length - 1} more values` : '';
    reader.refuse(
      `${valueText(first, grey)} at pixel ${at % width},${Math.floor(at / width)} belongs to no label${more}`,
    );
  } else if (marked.length > 0 && met.size === 0)
    reader.refuse(`all that it marks is ${valueText(marked[0], grey)}, which stands for no class`);
  else {
    // Where a value is not known, it may be what the annotation names.
    const known = new Set([...met].map((type) => type.trim()));
    for (const name of names)
      if (!known.has(name)) reader.refuse(`its annotation names ${name}, of which the mask has no pixel`, name);
  }
  return reader.finish();
}

/** Sets the pixels of one value. @returns how many they are. */
function paint(painter: Painter, type: string, values: Uint32Array, value: number): number {
  const into = painter.bitmap(type);
  painter.spend(values.length);
  let count = 0;
  values.forEach((other, i) => {
    if (other !== value) return;
    into[i] = 1;
    count++;
  });
  return count;
}

/** Reads the boxes of an annotation, for data sets that have no masks. */
async function readBoxes(
  annotation: XmlElement,
  path: string,
  place: Place,
  options: ReadOptions,
): Promise<LabelledImage | undefined> {
  const numberIn = (element: XmlElement | undefined, name: string): number => {
    const text = (element && childOf(element, name)?.text) ?? '';
    return text.trim() === '' ? Number.NaN : Number(text);
  };
  const size = childOf(annotation, 'size');
  const said = { width: numberIn(size, 'width'), height: numberIn(size, 'height') };
  const { width, height } = sizeOr(said, path, options.inProject);
  const objects = annotation.children.filter(({ name }) => name === 'object');
  if (objects.length === 0 && !(width > 0)) return { path, width: 0, height: 0, state: 'good', layers: [] };
  const reader = new ImageReader(path, width, height, { ...place, field: 'size' }, options);
  for (const [i, object] of objects.entries()) {
    const field = { ...place, field: `object ${i + 1}` };
    await reader.annotation(field, childOf(object, 'name')?.text, (painter, type) => {
      const box = childOf(object, 'bndbox');
      const [left, top, right, bottom] = ['xmin', 'ymin', 'xmax', 'ymax'].map((name) => numberIn(box, name));
      if (!box || ![left, top, right, bottom].every(Number.isFinite)) return 'has no box of four numbers';
      // VOC counts pixels from 1, both corners inside.
      return painter.box(type, left - 1, top - 1, right - left + 1, bottom - top + 1, field);
    });
  }
  return reader.finish();
}

export const voc: Format = {
  name: 'voc',
  describe: 'Pascal VOC class masks',
  exactness: 'one type a pixel',

  async write(images, target, options) {
    const { leftOut } = options;
    const indexOf = new Map<string, number>();
    const stems: string[] = [];
    for await (const image of images) {
      const { path, width, height } = image;
      const layers = image.layers.filter(({ type }) => {
        if (indexOf.has(type)) return true;
        const reason = /[\r\n]|^#/.test(type)
          ? 'labelmap.txt cannot hold its name'
          : VOID_NAME.test(type)
            ? 'in this format its name stands for pixels of no class'
            : indexOf.size + 1 === VOID
              ? 'class masks have 254 types at most'
              : undefined;
        if (reason) leftOut({ path, type, reason });
        else indexOf.set(type, indexOf.size + 1);
        return reason === undefined;
      });
      // Without its types it would read as a good picture.
      if (layers.length === 0 && image.layers.length > 0) continue;
      // Which picture a mask is of, its annotation says.
      const files = (stem: string) => [`${MASKS}/${stem}.png`, `${ANNOTATIONS}/${stem}.xml`] as const;
      const picture = `${PICTURES}/${path}`;
      const stem = target.stemFor(path, files);
      const [mask, annotation] = files(stem);
      if (!target.accepts(path, [mask, annotation, picture], leftOut)) continue;
      const kept = { ...image, layers };
      await target.write(mask, encodeIndexedPng(classMask(kept, indexOf), width, height, PALETTE), path);
      await target.write(annotation, textBytes(annotationOf(kept)), path);
      stems.push(stem);
      await target.copyPicture(image, picture, options);
    }
    const lines = [...indexOf].map(([type, index]) => `${type}:${PALETTE[index]?.join(',')}::\n`);
    await target.write(LABELS, textBytes(`# label:color_rgb:parts:actions\nbackground:0,0,0::\n${lines.join('')}`));
    await target.write(`${LISTS}/default.txt`, textBytes(stems.map((stem) => `${stem}\n`).join('')));
  },

  async *read(source, options) {
    const { leftOut } = options;
    const { entries, pictures } = await survey(source, leftOut);
    const masked = entries.some(({ masks }) => masks.length > 0);
    const boxed = entries.some(({ annotation }) => annotation !== undefined);
    if (!masked && !boxed)
      throw fail('ADC_EXCHANGE_EMPTY', {
        path: source.path,
        what: `there is neither ${MASKS}/*.png nor ${ANNOTATIONS}/*.xml`,
      });
    const labels = await readLabels(source, leftOut);
    for (const entry of entries) {
      const { prefix, stem, masks, annotation, objects } = entry;
      const about = { path: `${prefix}${stem}` };
      const image = await orLeaveOut(leftOut, about, async () => {
        options.budget?.begin(source.display(masks[0] ?? annotation ?? stem));
        const root = annotation === undefined ? undefined : await readAnnotation(source, annotation);
        const path = pathOf(entry, root, pictures, source);
        const [mask, second] = masks;
        const missing = `there is no ${MASKS}/${stem}.png for it${objects ? `, only one in ${OBJECTS}` : ''}`;
        const reason = second ? `${mask} and ${second} are both its mask` : missing;
        if (mask !== undefined && second === undefined)
          return readMask(source.display(mask), path, await source.read(mask), labels, namesIn(root), options);
        if (root && annotation && !masked)
          return readBoxes(root, path, { file: source.display(annotation), field: '' }, options);
        leftOut({ path, reason });
        return undefined;
      });
      if (image) yield image;
    }
  },
};
