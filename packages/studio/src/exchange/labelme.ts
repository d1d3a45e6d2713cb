/** labelme: a JSON file a picture, beside it; masks as PNG inside their bounding box, exact. */
import { decodeImage, encodeMask, type Rle } from '@adclick/core';
import { z } from 'zod';
import { fail } from '../errors.ts';
import { number, parseJson, textBytes } from './json.ts';
import { boundsOf, cropRle, Painter, type Place, within, wrong } from './painter.ts';
import { folderOf, nameOf, safePath, withoutEnding } from './paths.ts';
import { filesEnding } from './source.ts';
import { RECORDS_FILE } from './target.ts';
import type { Format, LabelledImage, ReadOptions } from './types.ts';

const shape = z.object({
  label: z.string(),
  points: z.array(z.array(number).length(2)).max(1_000_000),
  shape_type: z.string().nullish(),
  mask: z.string().nullish(),
});
const size = z.int().min(1).max(100_000);
const file = z.object({
  shapes: z.array(shape),
  imagePath: z.string(),
  imageHeight: size.nullish(),
  imageWidth: size.nullish(),
});

type Shape = z.infer<typeof shape>;

async function encodeShape(type: string, rle: Rle) {
  const box = boundsOf(rle) ?? { x: 0, y: 0, width: 1, height: 1 };
  const png = await encodeMask({ data: cropRle(rle, box), width: box.width, height: box.height, channels: 1 });
  return {
    label: type,
    // Both corners are pixels of the mask.
    points: [
      [box.x, box.y],
      [box.x + box.width - 1, box.y + box.height - 1],
    ],
    group_id: null,
    description: '',
    shape_type: 'mask',
    flags: {},
    mask: Buffer.from(png).toString('base64'),
  };
}

async function paintMask(painter: Painter, { label, points, mask }: Shape, place: Place): Promise<void> {
  const at = within(place, 'mask');
  if (!mask) throw wrong(at, 'the mask is missing');
  if (points.length !== 2) throw wrong(within(place, 'points'), `a mask has 2 corners, not ${points.length}`);
  const png = Buffer.from(mask, 'base64');
  if (png.length === 0) throw wrong(at, 'it is no PNG in base64');
  const path = `${place.file}, ${at.field}`;
  const { data, width, height, channels, alpha } = await decodeImage(png, {
    path,
    limit: painter.width * painter.height,
  });
  const [left, top, right, bottom] = points.flat().map(Math.round);
  if (right - left + 1 !== width || bottom - top + 1 !== height)
    throw wrong(at, `it is ${width} x ${height}, but its corners say ${right - left + 1} x ${bottom - top + 1}`);
  if (left < 0 || top < 0 || right >= painter.width || bottom >= painter.height)
    throw wrong(within(place, 'points'), `the mask lies outside of the image of ${painter.width} x ${painter.height}`);
  const into = painter.bitmap(label);
  const colours = channels - (alpha ? 1 : 0);
  for (let i = 0; i < width * height; i++)
    for (let c = 0; c < colours; c++)
      if (data[i * channels + c] !== 0) {
        into[(top + Math.floor(i / width)) * painter.width + left + (i % width)] = 1;
        break;
      }
}

/** Paints a shape. @returns false when it is no area. */
async function paint(painter: Painter, entry: Shape, place: Place): Promise<boolean> {
  const { label, points, shape_type } = entry;
  const at = within(place, 'points');
  const [[ax = 0, ay = 0] = [], [bx = 0, by = 0] = []] = points;
  switch (shape_type ?? 'polygon') {
    case 'mask':
      await paintMask(painter, entry, place);
      return true;
    case 'polygon':
      painter.fill(label, [points.flat()], at);
      return true;
    case 'rectangle':
      if (points.length !== 2) throw wrong(at, `a rectangle has 2 corners, not ${points.length}`);
      painter.box(label, Math.min(ax, bx), Math.min(ay, by), Math.abs(bx - ax), Math.abs(by - ay), at);
      return true;
    case 'circle': {
      if (points.length !== 2) throw wrong(at, `a circle has 2 points, not ${points.length}`);
      const radius = Math.hypot(bx - ax, by - ay);
      painter.ellipse(label, ax, ay, radius, radius, at);
      return true;
    }
    default:
      return false;
  }
}

async function readOne(
  content: z.infer<typeof file>,
  display: string,
  folder: string,
  { leftOut }: ReadOptions,
): Promise<LabelledImage | undefined> {
  const path = safePath(content.imagePath, display, folder);
  const { shapes, imageWidth, imageHeight } = content;
  if (shapes.length === 0 && (!imageWidth || !imageHeight))
    return { path, width: 0, height: 0, state: 'good', layers: [] };
  const painter = new Painter(imageWidth ?? 0, imageHeight ?? 0, { file: display, field: 'imageWidth' });
  let unread = 0;
  for (const [i, entry] of shapes.entries()) {
    const place = { file: display, field: `shapes[${i}]` };
    if (await paint(painter, entry, place)) continue;
    unread++;
    leftOut({ path, type: entry.label, reason: `${place.field} is a ${entry.shape_type}, which is no area` });
  }
  const image = painter.finish(path);
  return image.layers.length > 0 || unread === 0 ? image : undefined;
}

export const labelme: Format = {
  name: 'labelme',
  describe: 'labelme JSON',
  exactness: 'exact',

  async write(images, target, { pictureOf, leftOut }) {
    for await (const image of images) {
      const { path, width, height, layers } = image;
      const shapes = await Promise.all(layers.map(({ type, rle }) => encodeShape(type, rle)));
      const content = {
        version: '5.5.0',
        flags: {},
        shapes,
        imagePath: nameOf(path),
        imageData: null,
        imageHeight: height,
        imageWidth: width,
      };
      await target.write(`${withoutEnding(path)}.json`, textBytes(`${JSON.stringify(content, null, 1)}\n`), path);
      const missing = pictureOf && (await target.copy(pictureOf(image), path));
      if (missing) leftOut({ path, reason: missing });
    }
  },

  async *read(source, options) {
    const names = filesEnding(source, '.json').filter((name) => name !== RECORDS_FILE);
    if (names.length === 0) throw fail('ADC_EXCHANGE_EMPTY', { path: source.path, what: 'there is no .json file' });
    const seen = new Set<string>();
    for (const name of names) {
      const display = source.display(name);
      const content = parseJson(await source.read(name), display, file);
      const image = await readOne(content, display, folderOf(name), options);
      if (!image) continue;
      if (seen.has(image.path))
        throw fail('ADC_EXCHANGE_NAME', { name: image.path, path: display, what: 'it is there twice' });
      seen.add(image.path);
      yield image;
    }
  },
};
