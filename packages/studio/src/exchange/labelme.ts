/** labelme: a JSON file a picture, beside it; masks as PNG inside their bounding box, exact. */
import type { Rle } from '@adclick/core/geometry';
import { decodeImage, encodeMask, imageSize } from '@adclick/core/image';
import { z } from 'zod';
import { folderOf, nameOf } from '../path-parts.ts';
import type { Format, ReadOptions } from './format.ts';
import { listOf, number, parseJson, parsePart, textBytes } from './json.ts';
import { boundsOf, cropRle, type Painter } from './painter.ts';
import { pictureName } from './paths.ts';
import { Pictures } from './pictures.ts';
import { type Place, within, wrong } from './place.ts';
import { ImageReader, orLeaveOut, readEach } from './reading.ts';
import type { LabelledImage } from './types.ts';

const points = listOf(z.array(number).length(2), 1_000_000);
const shape = z.object({
  points,
  shape_type: z.string().nullish(),
  mask: z.string().nullish(),
  holes: z.array(points).nullish(),
});
const file = z.object({
  shapes: z.array(z.unknown()),
  imagePath: z.string(),
  // null in labelme, -1 in X-AnyLabeling where it is not known.
  imageHeight: number.nullish(),
  imageWidth: number.nullish(),
  imageData: z.string().nullish(),
  flags: z.unknown().optional(),
  tags: z.unknown().optional(),
});
const named = z.object({ label: z.string() });

/** Pixels that a byte of a PNG can stand for at most: bits of run lengths, packed twice. */
const MOST_UNPACKED = 8 * 1032;

type Shape = z.infer<typeof shape>;
type File = z.infer<typeof file>;

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

/** To the nearest whole number, halves to the even one, as labelme's array library rounds. */
function round(value: number): number {
  const nearest = Math.round(value);
  return Math.abs(value % 1) === 0.5 && nearest % 2 !== 0 ? nearest - 1 : nearest;
}

/**
 * A mask lies with its upper left pixel at the first corner. Corners in whole numbers are its first and last pixel and cut the rest off;
 * where a mask was dragged they are fractions, each rounded on its own, and say nothing of its size (labelme, pull request 2504). Some
 * versions wrote a last corner one too far.
 */
async function paintMask(painter: Painter, type: string, entry: Shape, place: Place): Promise<number> {
  const at = within(place, 'mask');
  if (!entry.mask) throw wrong(at, 'the mask is missing');
  if (entry.points.length !== 2)
    throw wrong(within(place, 'points'), `a mask has 2 corners, not ${entry.points.length}`);
  const png = Buffer.from(entry.mask.replace(/^data:[^,]*,/, ''), 'base64');
  if (png.length === 0) throw wrong(at, 'it is no PNG in base64');
  const limit = (painter.width + 2) * (painter.height + 2);
  painter.spend(Math.min(limit, png.length * MOST_UNPACKED));
  const image = await decodeImage(png, { path: `${place.file}, ${at.field}`, limit });
  const [[ax, ay], [bx, by]] = entry.points;
  const [left, top] = [round(Math.min(ax, bx)), round(Math.min(ay, by))];
  const whole = entry.points.flat().every(Number.isInteger);
  const [width, height] = whole ? [Math.abs(bx - ax) + 1, Math.abs(by - ay) + 1] : [image.width, image.height];
  // What lies outside of the picture may have been cut off when the mask was written.
  const [least, lowest] = [Math.min(width, painter.width - left), Math.min(height, painter.height - top)];
  if (image.width < least - 1 || image.height < lowest - 1)
    throw wrong(at, `it is ${image.width} x ${image.height}, but its corners say ${width} x ${height}`);
  const { data, channels, alpha } = image;
  const colours = channels - (alpha ? 1 : 0);
  const set = new Uint8Array(image.width * image.height);
  for (let y = 0; y < Math.min(height, image.height); y++)
    for (let x = 0; x < Math.min(width, image.width); x++) {
      const from = (y * image.width + x) * channels;
      let on = false;
      for (let c = 0; c < colours; c++) on ||= data[from + c] !== 0;
      if (on && (!alpha || data[from + colours] !== 0)) set[y * image.width + x] = 1;
    }
  return painter.patch(type, set, image.width, image.height, left, top);
}

/** A rectangle by two opposite corners, or by four; those of an upright one in any order, those of a turned one one after the other. */
function paintRectangle(painter: Painter, type: string, corners: readonly number[][], place: Place): number {
  if (corners.length !== 2 && corners.length !== 4)
    throw wrong(place, `a rectangle has 2 or 4 corners, not ${corners.length}`);
  const [xs, ys] = [corners.map(([x]) => x), corners.map(([, y]) => y)];
  const [left, top, right, bottom] = [Math.min(...xs), Math.min(...ys), Math.max(...xs), Math.max(...ys)];
  const upright = [left, right].every((x) => [top, bottom].every((y) => corners.some(([a, b]) => a === x && b === y)));
  if (corners.length === 4 && !upright) return painter.fill(type, [corners.flat()], place);
  return painter.box(type, left, top, right - left, bottom - top, place);
}

/** Paints a shape. @returns how many pixels it covers, or why it is no area. */
async function paint(painter: Painter, type: string, entry: Shape, place: Place): Promise<number | string> {
  const at = within(place, 'points');
  const kind = entry.shape_type ?? 'polygon';
  switch (kind) {
    case 'mask':
      return paintMask(painter, type, entry, place);
    case 'polygon':
      return painter.fill(
        type,
        [entry.points, ...(entry.holes ?? [])].map((ring) => ring.flat()),
        at,
      );
    case 'rectangle':
      return paintRectangle(painter, type, entry.points, at);
    case 'rotation':
    case 'oriented_rectangle':
    case 'quadrilateral':
      if (entry.points.length !== 4) throw wrong(at, `a ${kind} has 4 corners, not ${entry.points.length}`);
      return painter.fill(type, [entry.points.flat()], at);
    case 'circle': {
      if (entry.points.length !== 2) throw wrong(at, `a circle has 2 points, not ${entry.points.length}`);
      const [[ax, ay], [bx, by]] = entry.points;
      const radius = Math.hypot(bx - ax, by - ay);
      return painter.ellipse(type, ax, ay, radius, radius, at);
    }
    default:
      return `is a ${kind}, which is no area`;
  }
}

/** What is marked on the picture as a whole: labelme's and X-AnyLabeling's flags that are set, and X-AnyLabeling's tags. */
function marks({ flags, tags }: File): string[] {
  const set = typeof flags === 'object' && flags !== null ? Object.entries(flags).filter(([, value]) => value) : [];
  return [...set.map(([name]) => name), ...(Array.isArray(tags) ? tags.map(String) : [])];
}

/** Size of the picture: what the file says, else that of the picture inside it, beside it or in the project. */
async function sizeOf({ imageWidth, imageHeight, imageData }: File, path: string, display: string, pictures: Pictures) {
  if (imageWidth && imageHeight && imageWidth > 0 && imageHeight > 0) return { width: imageWidth, height: imageHeight };
  if (!imageData) return pictures.sizeAt(path);
  return imageSize(Buffer.from(imageData, 'base64'), `${display}, imageData`);
}

async function readOne(
  content: File,
  display: string,
  folder: string,
  pictures: Pictures,
  options: ReadOptions,
): Promise<LabelledImage | undefined> {
  const { leftOut } = options;
  const path = pictureName(content.imagePath, display, folder);
  const { shapes } = content;
  const [mark] = marks(content);
  if (shapes.length === 0 && mark !== undefined) {
    const said = `it has no shape, but the flag or tag ${JSON.stringify(mark)}`;
    leftOut({ path, reason: `${said}; whether that is a defect is not known` });
    return undefined;
  }
  return orLeaveOut(leftOut, { path }, async () => {
    const { width, height } = await sizeOf(content, path, display, pictures);
    if (shapes.length === 0) return { path, width, height, state: 'good' as const, layers: [] };
    const reader = new ImageReader(path, width, height, { file: display, field: 'imageWidth' }, options);
    for (const [i, entry] of shapes.entries()) {
      const place = { file: display, field: `shapes[${i}]` };
      const found = named.safeParse(entry);
      await reader.annotation(place, found.success ? found.data.label : undefined, (painter, type) =>
        paint(painter, type, parsePart(entry, place, shape), place),
      );
    }
    return reader.finish();
  });
}

export const labelme: Format = {
  name: 'labelme',
  describe: 'labelme JSON',
  exactness: 'exact',

  async write(images, target, options) {
    const { leftOut } = options;
    for await (const image of images) {
      const { path, width, height, layers } = image;
      // Which picture a file is of, it says.
      const file = `${target.stemFor(path, (stem) => [`${stem}.json`, path])}.json`;
      if (!target.accepts(path, [file, path], leftOut)) continue;
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
      await target.write(file, textBytes(`${JSON.stringify(content, null, 1)}\n`), path);
      await target.copyPicture(image, path, options);
    }
  },

  read(source, options) {
    const pictures = new Pictures(source, options.inProject);
    return readEach(source, '.json', options, async function* (bytes, display, name) {
      const image = await readOne(parseJson(bytes, display, file), display, folderOf(name), pictures, options);
      if (image) yield image;
    });
  },
};
