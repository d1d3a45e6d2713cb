/** Pascal VOC: an indexed PNG of classes a picture. One type a pixel: where types overlap, the smaller one is kept. */
import { decodeImage, decodeRle, encodeIndexedPng, rleArea } from '@adclick/core';
import { fail } from '../errors.ts';
import { decodeText, textBytes } from './json.ts';
import { boundsOf, Painter, wrong } from './painter.ts';
import { endingOf, safePath, withoutEnding } from './paths.ts';
import { filesEnding, type Source } from './source.ts';
import type { Format, LabelledImage } from './types.ts';
import { childOf, escapeXml, parseXml } from './xml.ts';

const MASKS = 'SegmentationClass';
const PICTURES = 'JPEGImages';
const ANNOTATIONS = 'Annotations';
const LIST = 'ImageSets/Segmentation/default.txt';
const LABELS = 'labelmap.txt';
/** Bytes that the list of labels, and an annotation, may have. */
const MOST_TEXT = 2 ** 20;
/** Index of pixels that belong to no class, drawn around objects in VOC's own masks. */
const VOID = 255;
/** Classes of VOC itself, for its folders that have no list of labels. */
const VOC_CLASSES =
  'aeroplane bicycle bird boat bottle bus car cat chair cow diningtable dog horse motorbike person pottedplant sheep sofa train tvmonitor';

/** Colour of a class: the bits of its number, three at a time, become the bits of red, green and blue from the highest down. */
function colourOf(index: number): [number, number, number] {
  const colour: [number, number, number] = [0, 0, 0];
  for (let bit = 0; bit < 8; bit++)
    for (let c = 0; c < 3; c++) colour[c] |= ((index >> (3 * bit + c)) & 1) << (7 - bit);
  return colour;
}

const PALETTE = Array.from({ length: 256 }, (_, index) => colourOf(index));
const key = ([red, green, blue]: readonly number[]) => (red << 16) | (green << 8) | blue;

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

/** Types by colour: of labelmap.txt, or VOC's own classes. @throws ADC_EXCHANGE_FILE. */
async function readLabels(source: Source): Promise<Map<number, string>> {
  const name = source.files.find((file) => file === LABELS || file.endsWith(`/${LABELS}`));
  if (name === undefined) return new Map(VOC_CLASSES.split(' ').map((type, i) => [key(PALETTE[i + 1]), type]));
  const file = source.display(name);
  const types = new Map<number, string>();
  for (const [i, line] of decodeText(await source.read(name), file, MOST_TEXT)
    .split(/\r?\n/)
    .entries()) {
    if (line.trim() === '' || line.startsWith('#')) continue;
    const place = { file, field: `line ${i + 1}` };
    const found = /^(.+?):(\d{1,3}),(\d{1,3}),(\d{1,3}):[^:]*:[^:]*$/.exec(line);
    if (!found) throw wrong(place, 'it is not name:red,green,blue:parts:actions');
    const colour = found.slice(2, 5).map(Number);
    if (colour.some((value) => value > 255)) throw wrong(place, 'a colour is more than 255');
    if (key(colour) === 0) continue;
    if (types.has(key(colour))) throw wrong(place, 'the colour is there twice');
    types.set(key(colour), found[1]);
  }
  return types;
}

/** Path of the picture that a mask is of: what its annotation says, else the picture of that name. */
async function pathOf(
  source: Source,
  prefix: string,
  stem: string,
  pictures: ReadonlyMap<string, string>,
  known: ReadonlySet<string>,
): Promise<string> {
  const name = `${prefix}${ANNOTATIONS}/${stem}.xml`;
  if (known.has(name)) {
    const file = source.display(name);
    const root = parseXml(decodeText(await source.read(name), file, MOST_TEXT), file);
    const said = childOf(root, 'filename')?.text;
    if (said) return safePath(said, file);
  }
  return safePath(
    pictures.get(`${prefix}${PICTURES}/${stem}`)?.slice(`${prefix}${PICTURES}/`.length) ?? `${stem}.jpg`,
    source.path,
  );
}

async function readMask(
  source: Source,
  name: string,
  path: string,
  types: ReadonlyMap<number, string>,
): Promise<LabelledImage> {
  const file = source.display(name);
  const { data, width, height, channels, depth } = await decodeImage(await source.read(name), { path: file });
  if (depth !== 8) throw wrong({ file, field: 'the whole file' }, `it has ${depth} bits a channel; class masks have 8`);
  const painter = new Painter(width, height, { file, field: 'size' });
  const voidKey = key(PALETTE[VOID]);
  const colours = channels >= 3 ? 3 : 1;
  let [lastKey, into]: [number, Uint8Array | undefined] = [0, undefined];
  for (let i = 0; i < width * height; i++) {
    const at = i * channels;
    // A grey file holds the numbers of the classes themselves.
    const found = colours === 3 ? (data[at] << 16) | (data[at + 1] << 8) | data[at + 2] : key(PALETTE[data[at]]);
    if (found !== lastKey) {
      lastKey = found;
      const type = types.get(found);
      if (type === undefined && found !== 0 && found !== voidKey) {
        const colour = [found >> 16, (found >> 8) & 255, found & 255].join(',');
        const where = `pixel ${i % width},${Math.floor(i / width)}`;
        throw wrong({ file, field: where }, `its colour ${colour} belongs to no label`);
      }
      into = type === undefined ? undefined : painter.bitmap(type);
    }
    if (into) into[i] = 1;
  }
  return painter.finish(path);
}

export const voc: Format = {
  name: 'voc',
  describe: 'Pascal VOC class masks',
  exactness: 'one type a pixel',

  async write(images, target, { pictureOf, leftOut }) {
    const indexOf = new Map<string, number>();
    const stems: string[] = [];
    for await (const image of images) {
      const { path, width, height } = image;
      const layers = image.layers.filter(({ type }) => {
        if (indexOf.has(type)) return true;
        const reason = /[\r\n]|^#/.test(type)
          ? 'labelmap.txt cannot hold its name'
          : indexOf.size + 1 === VOID
            ? 'class masks have 254 types at most'
            : undefined;
        if (reason) leftOut({ path, type, reason });
        else indexOf.set(type, indexOf.size + 1);
        return reason === undefined;
      });
      // Without its types it would read as a good picture.
      if (layers.length === 0 && image.layers.length > 0) continue;
      const stem = withoutEnding(path);
      const kept = { ...image, layers };
      await target.write(
        `${MASKS}/${stem}.png`,
        encodeIndexedPng(classMask(kept, indexOf), width, height, PALETTE),
        path,
      );
      await target.write(`${ANNOTATIONS}/${stem}.xml`, textBytes(annotationOf(kept)), path);
      stems.push(stem);
      const missing = pictureOf && (await target.copy(pictureOf(image), `${PICTURES}/${path}`, path));
      if (missing) leftOut({ path, reason: missing });
    }
    const lines = [...indexOf].map(([type, index]) => `${type}:${PALETTE[index].join(',')}::\n`);
    await target.write(LABELS, textBytes(`# label:color_rgb:parts:actions\nbackground:0,0,0::\n${lines.join('')}`));
    await target.write(LIST, textBytes(stems.map((stem) => `${stem}\n`).join('')));
  },

  async *read(source) {
    const masks = filesEnding(source, '.png').flatMap((name) => {
      const found = /^(|.*\/)SegmentationClass\/(.+)\.png$/i.exec(name);
      return found ? [{ name, prefix: found[1], stem: found[2] }] : [];
    });
    if (masks.length === 0) throw fail('ADC_EXCHANGE_EMPTY', { path: source.path, what: `there is no ${MASKS}/*.png` });
    const types = await readLabels(source);
    const known = new Set(source.files);
    const pictures = new Map(
      source.files.filter((name) => endingOf(name) !== '').map((name) => [withoutEnding(name), name]),
    );
    const seen = new Set<string>();
    for (const { name, prefix, stem } of masks) {
      const path = await pathOf(source, prefix, stem, pictures, known);
      if (seen.has(path))
        throw fail('ADC_EXCHANGE_NAME', { name: path, path: source.display(name), what: 'it is there twice' });
      seen.add(path);
      yield await readMask(source, name, path, types);
    }
  },
};
