/** Cutting rectangles out of pictures, maps and masks. */
import type { Box } from './components.ts';
import type { Mask, Pixels, RgbImage } from './types.ts';

/** The box with whole pixels that lies inside the raster: moved as far as needed, cut only where it is larger than the raster. */
export function clampBox(box: Box, width: number, height: number): Box {
  const within = (start: number, length: number, limit: number) => {
    const size = Math.min(Math.max(1, Math.round(length)), limit);
    return [Math.min(Math.max(0, Math.round(start)), limit - size), size] as const;
  };
  const [x, w] = within(box.x, box.width, width);
  const [y, h] = within(box.y, box.height, height);
  return { x, y, width: w, height: h };
}

/** A rectangle in fractions of a picture's width and height, 0 to 1: the same place in pictures of any size. */
export interface Region {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

type Size = Pick<Pixels, 'width' | 'height'>;

/** The place of a box of a raster, for other rasters. */
export const regionOf = ({ x, y, width, height }: Box, within: Size): Region => ({
  x: x / within.width,
  y: y / within.height,
  width: width / within.width,
  height: height / within.height,
});

/** The whole pixels of a raster that a region covers. */
export function boxOf(region: Region, { width, height }: Size): Box {
  const { x, y } = region;
  return clampBox(
    { x: x * width, y: y * height, width: region.width * width, height: region.height * height },
    width,
    height,
  );
}

function cut<Data extends Pixels['data']>(image: Pixels<Data>, box: Box): Data {
  const { x, y, width, height } = box;
  if (x < 0 || y < 0 || width < 1 || height < 1 || x + width > image.width || y + height > image.height)
    throw new RangeError(`crop: ${x},${y} ${width} x ${height} is not inside ${image.width} x ${image.height}`);
  const row = width * image.channels;
  const out = image.data.slice(0, row * height) as Data;
  for (let line = 0; line < height; line++) {
    const from = ((y + line) * image.width + x) * image.channels;
    out.set(image.data.subarray(from, from + row), line * row);
  }
  return out;
}

/** @param box must lie inside, see {@link clampBox}. @throws RangeError when it does not. */
export function cropRgb(image: RgbImage, box: Box): RgbImage {
  return { data: cut(image, box), width: box.width, height: box.height, channels: 3 };
}

/** @param box must lie inside, see {@link clampBox}. @throws RangeError when it does not. */
export function cropMask(mask: Mask, box: Box): Mask {
  return { data: cut(mask, box), width: box.width, height: box.height, channels: 1 };
}
