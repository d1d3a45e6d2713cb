/** Training items: one picture with its residual (fp16) and mask on disk, and the crops and flips that training reads from it. */
import { readSafetensors, type Tensor, tensor, toFloat16, toFloat32, writeSafetensors } from '@adclick/ortgrad';
import type { TokenResidual } from '../clicks/encoding.ts';
import { cellOf } from '../features/grid.ts';
import { colourNorm, normalisedColours } from '../features/normalised-colours.ts';
import { modelPoint } from '../image/points.ts';
import type { Mask, RgbImage } from '../image/types.ts';
import type { TextFeatures } from '../language/text-features.ts';
import { TOKEN } from '../networks/adclick.ts';
import type { Random } from '../random.ts';

/** What a prompt says of a defect: text features of one phrase, and the mean of several, of which training draws one or the other. */
export interface TrainingText {
  readonly one: TextFeatures;
  readonly mean: TextFeatures;
}

/** A picture with a defect as training sees it. */
export interface TrainingItem {
  /** Residual on the token grid. */
  readonly residual: TokenResidual;
  /** The picture and its mask at the model grid, 8 pixels a token. */
  readonly image: RgbImage;
  readonly mask: Mask;
  /** What is said of it; nothing where training does not ask for words. */
  readonly text?: TrainingText;
}

/** What an item is of: a good picture, one with a simulated defect, or one with a real defect. */
export type ItemKind = 'good' | 'simulated' | 'real';

/** What training sees of an item. */
export interface TrainingCut extends Omit<TrainingItem, 'image'> {
  /** Colours, normalised over the whole picture, (3, height, width) of the mask. */
  readonly colours: Float32Array;
}

/** Writes an item: residual, descriptors and text features fp16, calibration fp32, picture and mask bytes. */
export async function writeItem(path: string, { residual, image, mask, text }: TrainingItem): Promise<void> {
  const { height, width, dims } = residual;
  const shape = [height, width, dims];
  await writeSafetensors(
    path,
    new Map([
      ['delta', tensor(toFloat16(residual.delta), shape)],
      ['tokens', tensor(toFloat16(residual.tokens), shape)],
      ['calibration', tensor(residual.calibration, [dims])],
      ['image', tensor(image.data, [image.height, image.width, 3])],
      ['mask', tensor(mask.data, [mask.height, mask.width])],
      ...Object.entries(text ?? {}).flatMap(([which, said]: [string, TextFeatures]): [string, Tensor][] => {
        const { features, mask: words, tokens, dims: width } = said;
        return [
          [`text.${which}`, tensor(toFloat16(features), [tokens, width])],
          [`text.${which}.mask`, tensor(words, [tokens])],
        ];
      }),
    ]),
  );
}

/** A square of tokens cut from an item, in one of the eight flips and turns. */
export interface Cut {
  readonly top: number;
  readonly left: number;
  readonly height: number;
  readonly width: number;
  /** 0–7: bit 0 mirrors x, bit 1 mirrors y, bit 2 swaps the axes. */
  readonly turn: number;
}

/** A cut of tokens in pixels of the model grid. */
export const pixelsOf = ({ top, left, height, width, turn }: Cut): Cut => ({
  top: top * TOKEN,
  left: left * TOKEN,
  height: height * TOKEN,
  width: width * TOKEN,
  turn,
});

/** Copies `channels` values a cell from a (height, width) raster through a cut. */
export function cutRaster<A extends Uint8Array | Uint16Array | Float32Array>(
  from: A,
  width: number,
  channels: number,
  cut: Cut,
  out: A,
): A {
  const swap = (cut.turn & 4) !== 0;
  const [rows, columns] = swap ? [cut.width, cut.height] : [cut.height, cut.width];
  for (let y = 0; y < rows; y++)
    for (let x = 0; x < columns; x++) {
      const [sy, sx] = swap ? [x, y] : [y, x];
      const row = cut.top + (cut.turn & 2 ? cut.height - 1 - sy : sy);
      const column = cut.left + (cut.turn & 1 ? cut.width - 1 - sx : sx);
      const at = (row * width + column) * channels;
      for (let c = 0; c < channels; c++) out[(y * columns + x) * channels + c] = from[at + c];
    }
  return out;
}

/** Tokens a side of the square that most training steps see. */
export const CROP = 32;

/** Fewest tokens between a crop's border and the defect pixel it was drawn around, where the picture allows. */
const MARGIN = 2;

/** A crop of `size` tokens placed at random around a random defect pixel. */
function cropAround(mask: Mask, size: number, random: Random): Omit<Cut, 'turn'> {
  const inside: number[] = [];
  for (let i = 0; i < mask.data.length; i++) if (mask.data[i] === 1) inside.push(i);
  const pixel = inside.length > 0 ? random.pick(inside) : random.int(0, mask.data.length);
  const place = (token: number, tokens: number) =>
    Math.min(Math.max(token - random.int(MARGIN, size - MARGIN), 0), tokens - size);
  const cell = cellOf(modelPoint(pixel % mask.width, Math.floor(pixel / mask.width)));
  const top = place(cell.y, mask.height / TOKEN);
  const left = place(cell.x, mask.width / TOKEN);
  return { top, left, height: size, width: size };
}

/**
 * Reads an item and cuts it: a crop of {@link CROP} tokens around a defect pixel, or the whole picture, flipped and turned at random.
 * @param turned whether it is. @returns undefined when the item is smaller than the crop, or, for `whole`, when it is not a square of 64 tokens.
 */
export async function readCut(
  path: string,
  random: Random,
  whole: boolean,
  turned = true,
): Promise<TrainingCut | undefined> {
  const { tensors } = await readSafetensors(path);
  const [height, width, dims] = tensors.get('delta')!.shape as [number, number, number];
  const mask: Mask = {
    data: tensors.get('mask')!.data as Uint8Array,
    height: TOKEN * height,
    width: TOKEN * width,
    channels: 1,
  };
  if (whole ? height !== 2 * CROP || width !== 2 * CROP : height < CROP || width < CROP) return undefined;
  const area = whole ? { top: 0, left: 0, height, width } : cropAround(mask, CROP, random);
  const cut: Cut = { ...area, turn: turned ? random.int(0, 8) : 0 };
  const pixels = pixelsOf(cut);
  const cells = cut.height * cut.width;
  const halves = (name: string) => {
    const data = cutRaster(tensors.get(name)!.data as Uint16Array, width, dims, cut, new Uint16Array(cells * dims));
    return toFloat32(tensor(data, [cells, dims], 'float16'));
  };
  const text = (which: keyof TrainingText): TextFeatures => {
    const held = tensors.get(`text.${which}`)!;
    const [words, width] = held.shape as [number, number];
    const valid = tensors.get(`text.${which}.mask`)!.data as Uint8Array;
    return { features: toFloat32(held), mask: valid, tokens: words, dims: width };
  };
  const picture = tensors.get('image')!.data as Uint8Array;
  const norm = colourNorm({ data: picture, width: mask.width, height: mask.height, channels: 3 });
  const { width: columns, height: rows } = pixels;
  const seen = cutRaster(picture, mask.width, 3, pixels, new Uint8Array(3 * rows * columns));
  return {
    colours: normalisedColours({ data: seen, width: columns, height: rows, channels: 3 }, norm),
    text: tensors.has('text.one') ? { one: text('one'), mean: text('mean') } : undefined,
    residual: {
      height: cut.height,
      width: cut.width,
      dims,
      delta: halves('delta'),
      tokens: halves('tokens'),
      calibration: tensors.get('calibration')!.data as Float32Array,
    },
    mask: {
      data: cutRaster(mask.data, mask.width, 1, pixels, new Uint8Array(cells * TOKEN * TOKEN)),
      height: pixels.height,
      width: pixels.width,
      channels: 1,
    },
  };
}
