/** CVAT for images 1.1: one XML file; masks as run lengths inside their bounding box, exact. */
import { encodeRle } from '@adclick/core/geometry';
import type { Format, ReadOptions } from './format.ts';
import { pieces } from './json.ts';
import { boundsOf, checkSize, cropRle, type Painter } from './painter.ts';
import { pictureName } from './paths.ts';
import { Pictures } from './pictures.ts';
import { type Place, wrong } from './place.ts';
import { ImageReader, orLeaveOut, readEach } from './reading.ts';
import type { LabelledImage, TypedLayer } from './types.ts';
import { escapeXml, readXml, type XmlElement } from './xml.ts';

const ANNOTATIONS = 'annotations.xml';
const PICTURES = 'images';
/** Characters that a list of numbers may have. */
const LONGEST = 2 ** 25;

/** Attributes of an element, with errors that name the line. */
class Attributes {
  constructor(
    private readonly element: XmlElement,
    private readonly file: string,
  ) {}

  place(key: string): Place {
    return { file: this.file, field: `line ${this.element.line}, ${this.element.name} ${key}` };
  }

  text(key: string): string {
    const found = this.element.attributes.get(key);
    if (found === undefined) throw wrong(this.place(key), 'it is missing');
    return found;
  }

  number(key: string, otherwise?: number): number {
    if (otherwise !== undefined && !this.element.attributes.has(key)) return otherwise;
    const text = this.text(key);
    const value = text.trim() === '' ? Number.NaN : Number(text);
    if (!Number.isFinite(value)) throw wrong(this.place(key), `${JSON.stringify(text.slice(0, 40))} is no number`);
    return value;
  }

  whole(key: string): number {
    const value = this.number(key);
    if (!Number.isInteger(value)) throw wrong(this.place(key), `${value} is no whole number`);
    return value;
  }

  numbers(key: string, separator: RegExp): number[] {
    const text = this.text(key);
    if (text.length > LONGEST) throw wrong(this.place(key), `it has ${text.length} characters, more than ${LONGEST}`);
    return text.split(separator).map((part, i) => {
      const value = part.trim() === '' ? Number.NaN : Number(part);
      if (!Number.isFinite(value))
        throw wrong(this.place(key), `number ${i + 1} is ${JSON.stringify(part.slice(0, 40))}`);
      return value;
    });
  }
}

function maskElement({ type, rle }: TypedLayer, z: number): string {
  const box = boundsOf(rle) ?? { x: 0, y: 0, width: 1, height: 1 };
  const { counts } = encodeRle(cropRle(rle, box), box.width, box.height);
  const rest = box.width * box.height - counts.reduce((sum, count) => sum + count, 0);
  const runs = (rest > 0 ? [...counts, rest] : counts).join(', ');
  const where = `left="${box.x}" top="${box.y}" width="${box.width}" height="${box.height}"`;
  return `    <mask label="${escapeXml(type)}" source="manual" occluded="0" rle="${runs}" ${where} z_order="${z}">\n    </mask>\n`;
}

/**
 * Sets the runs of a mask, row by row inside its box. What lies outside of the image is cut off, as CVAT does.
 * @throws ADC_EXCHANGE_FILE when the runs do not fit the box, or one that lacks its last row and column, as some versions wrote it.
 */
function paintMask(painter: Painter, type: string, attributes: Attributes): number {
  const [left, top, said, high] = ['left', 'top', 'width', 'height'].map((key) => attributes.whole(key));
  checkSize(said, high, attributes.place('width'));
  const runs = attributes.numbers('rle', /,/);
  const odd = runs.findIndex((count) => !Number.isInteger(count) || count < 0);
  if (odd >= 0) throw wrong(attributes.place('rle'), `run ${odd + 1} is ${runs[odd]}`);
  const total = runs.reduce((sum, count) => sum + count, 0);
  const [width, height] = total === (said + 1) * (high + 1) ? [said + 1, high + 1] : [said, high];
  if (total > width * height)
    throw wrong(attributes.place('rle'), `its runs are ${total} pixels, more than ${width} x ${height}`);
  return painter.runs(type, runs, width, left, top);
}

/** Paints a shape. @returns how many pixels it covers, or why it is no area. */
function paint(painter: Painter, type: string, name: string, attributes: Attributes): number | string {
  const number = (key: string) => attributes.number(key);
  const degrees = () => attributes.number('rotation', 0);
  switch (name) {
    case 'mask':
      return paintMask(painter, type, attributes);
    case 'polygon':
      return painter.fill(type, [attributes.numbers('points', /[,;]/)], attributes.place('points'));
    case 'box': {
      const [left, top, right, bottom] = ['xtl', 'ytl', 'xbr', 'ybr'].map(number);
      return painter.box(type, left, top, right - left, bottom - top, attributes.place('xtl'), degrees());
    }
    case 'ellipse': {
      const [cx, cy, rx, ry] = ['cx', 'cy', 'rx', 'ry'].map(number);
      return painter.ellipse(type, cx, cy, rx, ry, attributes.place('cx'), degrees());
    }
    default:
      return `is a ${name}, which is no area`;
  }
}

async function readImage(
  element: XmlElement,
  path: string,
  file: string,
  pictures: Pictures,
  options: ReadOptions,
): Promise<LabelledImage | undefined> {
  const attributes = new Attributes(element, file);
  const sized = ['width', 'height'].every((key) => element.attributes.has(key));
  const { width, height } = sized
    ? { width: attributes.whole('width'), height: attributes.whole('height') }
    : await pictures.sizeAt(path);
  const reader = new ImageReader(path, width, height, attributes.place('width'), options);
  for (const child of element.children) {
    const found = new Attributes(child, file);
    const place = { file, field: `line ${child.line}, ${child.name}` };
    await reader.annotation(place, child.attributes.get('label'), (painter, type) =>
      child.attributes.get('outside') === '1'
        ? 'is marked as outside of the picture'
        : paint(painter, type, child.name, found),
    );
  }
  return reader.finish();
}

/** The images of a file, each with its name; the subset is put before names that are there in several subsets. */
function named(elements: readonly XmlElement[]): { element: XmlElement; name: string | undefined }[] {
  const count = new Map<string | undefined, number>();
  const all = elements.map((element) => ({ element, name: element.attributes.get('name') }));
  for (const { name } of all) count.set(name, (count.get(name) ?? 0) + 1);
  return all.map(({ element, name }) => {
    const subset = element.attributes.get('subset');
    const twice = name !== undefined && (count.get(name) ?? 0) > 1;
    return { element, name: twice && subset ? `${subset}/${name}` : name };
  });
}

export const cvat: Format = {
  name: 'cvat',
  describe: 'CVAT for images 1.1, XML',
  exactness: 'exact',

  async write(images, target, options) {
    const { leftOut } = options;
    const rows: string[] = [];
    const types = new Set<string>();
    for await (const image of images) {
      const { path, width, height, layers } = image;
      const copy = `${PICTURES}/${path}`;
      if (!target.accepts(path, [copy], leftOut)) continue;
      const masks = layers.map((layer, i) => maskElement(layer, i)).join('');
      for (const { type } of layers) types.add(type);
      const head = `  <image id="${rows.length}" name="${escapeXml(path)}" width="${width}" height="${height}">\n`;
      rows.push(`${head}${masks}  </image>\n`);
      await target.copyPicture(image, copy, options);
    }
    const labels = [...types].map(
      (type) => `        <label><name>${escapeXml(type)}</name><type>mask</type><attributes></attributes></label>\n`,
    );
    const meta = `  <meta>\n    <task>\n      <name>ADClick</name>\n      <size>${rows.length}</size>\n      <mode>annotation</mode>\n      <labels>\n`;
    const head = ['<?xml version="1.0" encoding="utf-8"?>\n<annotations>\n  <version>1.1</version>\n', meta];
    const parts = [...head, ...labels, '      </labels>\n    </task>\n  </meta>\n', ...rows, '</annotations>\n'];
    await target.write(ANNOTATIONS, pieces(parts));
  },

  read(source, options) {
    const { leftOut } = options;
    const pictures = new Pictures(source, options.inProject);
    return readEach(source, '.xml', options, async function* (bytes, file) {
      const root = readXml(bytes, file);
      if (root.name !== 'annotations')
        throw wrong({ file, field: `line ${root.line}` }, `the root is <${root.name}>, not <annotations>`);
      const images = root.children.filter((child) => child.name === 'image');
      const tracks = root.children.filter((child) => child.name === 'track');
      if (tracks.length > 0) {
        const [place, what] = [{ file, field: `line ${tracks[0]?.line}` }, 'tracks of a video are not read'];
        const advice = 'export the task as CVAT for images 1.1';
        if (images.length === 0) throw wrong(place, `${what}; ${advice}`);
        leftOut({ path: file, reason: `${place.field}: ${what} (${tracks.length} here); ${advice}` });
      }
      for (const { element, name } of named(images)) {
        const image = await orLeaveOut(leftOut, { path: name ?? file }, () => {
          if (name === undefined) throw wrong({ file, field: `line ${element.line}, image name` }, 'it is missing');
          return readImage(element, pictureName(name, file), file, pictures, options);
        });
        if (image) yield image;
      }
    });
  },
};
