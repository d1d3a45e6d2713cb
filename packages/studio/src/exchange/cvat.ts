/** CVAT for images 1.1: one XML file; masks as run lengths inside their bounding box, exact. */
import { encodeRle } from '@adclick/core';
import { fail } from '../errors.ts';
import { decodeText, pieces } from './json.ts';
import { boundsOf, cropRle, Painter, type Place, wrong } from './painter.ts';
import { safePath } from './paths.ts';
import { filesEnding } from './source.ts';
import type { Format, LabelledImage, ReadOptions, TypedLayer } from './types.ts';
import { escapeXml, parseXml, type XmlElement } from './xml.ts';

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

function paintMask(painter: Painter, type: string, attributes: Attributes): void {
  const [left, top, width, height] = ['left', 'top', 'width', 'height'].map((key) => attributes.whole(key));
  if (left < 0 || top < 0 || width < 1 || height < 1 || left + width > painter.width || top + height > painter.height)
    throw wrong(attributes.place('left'), `the mask is not inside the image of ${painter.width} x ${painter.height}`);
  const into = painter.bitmap(type);
  let at = 0;
  for (const [i, count] of attributes.numbers('rle', /,/).entries()) {
    if (!Number.isInteger(count) || count < 0 || at + count > width * height)
      throw wrong(attributes.place('rle'), `run ${i + 1} of ${count} does not fit into ${width} x ${height} pixels`);
    if (i % 2 === 1)
      for (let pixel = at; pixel < at + count; pixel++)
        into[(top + Math.floor(pixel / width)) * painter.width + left + (pixel % width)] = 1;
    at += count;
  }
}

/** Paints a shape. @returns false when it is no area. */
function paint(painter: Painter, element: XmlElement, file: string): boolean {
  const attributes = new Attributes(element, file);
  const number = (key: string) => attributes.number(key);
  const degrees = () => attributes.number('rotation', 0);
  switch (element.name) {
    case 'mask':
      paintMask(painter, attributes.text('label'), attributes);
      return true;
    case 'polygon':
      painter.fill(attributes.text('label'), [attributes.numbers('points', /[,;]/)], attributes.place('points'));
      return true;
    case 'box': {
      const [left, top, right, bottom] = ['xtl', 'ytl', 'xbr', 'ybr'].map(number);
      const place = attributes.place('xtl');
      painter.box(attributes.text('label'), left, top, right - left, bottom - top, place, degrees());
      return true;
    }
    case 'ellipse': {
      const [cx, cy, rx, ry] = ['cx', 'cy', 'rx', 'ry'].map(number);
      painter.ellipse(attributes.text('label'), cx, cy, rx, ry, attributes.place('cx'), degrees());
      return true;
    }
    default:
      return false;
  }
}

function readImage(element: XmlElement, file: string, { leftOut }: ReadOptions): LabelledImage | undefined {
  const attributes = new Attributes(element, file);
  const path = safePath(attributes.text('name'), file);
  const painter = new Painter(attributes.whole('width'), attributes.whole('height'), attributes.place('width'));
  let unread = 0;
  for (const child of element.children) {
    if (paint(painter, child, file)) continue;
    unread++;
    leftOut({ path, reason: `line ${child.line} is a ${child.name}, which is no area` });
  }
  const image = painter.finish(path);
  return image.layers.length > 0 || unread === 0 ? image : undefined;
}

export const cvat: Format = {
  name: 'cvat',
  describe: 'CVAT for images 1.1, XML',
  exactness: 'exact',

  async write(images, target, { pictureOf, leftOut }) {
    const rows: string[] = [];
    const types = new Set<string>();
    for await (const image of images) {
      const { path, width, height, layers } = image;
      const masks = layers.map((layer, i) => maskElement(layer, i)).join('');
      for (const { type } of layers) types.add(type);
      const head = `  <image id="${rows.length}" name="${escapeXml(path)}" width="${width}" height="${height}">\n`;
      rows.push(`${head}${masks}  </image>\n`);
      const missing = pictureOf && (await target.copy(pictureOf(image), `${PICTURES}/${path}`, path));
      if (missing) leftOut({ path, reason: missing });
    }
    const labels = [...types].map(
      (type) => `        <label><name>${escapeXml(type)}</name><type>mask</type><attributes></attributes></label>\n`,
    );
    const meta = `  <meta>\n    <task>\n      <name>ADClick</name>\n      <size>${rows.length}</size>\n      <mode>annotation</mode>\n      <labels>\n`;
    const head = ['<?xml version="1.0" encoding="utf-8"?>\n<annotations>\n  <version>1.1</version>\n', meta];
    const parts = [...head, ...labels, '      </labels>\n    </task>\n  </meta>\n', ...rows, '</annotations>\n'];
    await target.write(ANNOTATIONS, pieces(parts));
  },

  async *read(source, options) {
    const names = filesEnding(source, '.xml');
    if (names.length === 0) throw fail('ADC_EXCHANGE_EMPTY', { path: source.path, what: 'there is no .xml file' });
    const seen = new Set<string>();
    for (const name of names) {
      const file = source.display(name);
      const root = parseXml(decodeText(await source.read(name), file), file);
      if (root.name !== 'annotations')
        throw wrong({ file, field: `line ${root.line}` }, `the root is <${root.name}>, not <annotations>`);
      const track = root.children.find((child) => child.name === 'track');
      if (track)
        throw wrong(
          { file, field: `line ${track.line}` },
          'it is a video with tracks; export it as CVAT for images 1.1',
        );
      for (const element of root.children.filter((child) => child.name === 'image')) {
        const image = readImage(element, file, options);
        if (!image) continue;
        if (seen.has(image.path))
          throw fail('ADC_EXCHANGE_NAME', { name: image.path, path: file, what: 'it is there twice' });
        seen.add(image.path);
        yield image;
      }
    }
  },
};
