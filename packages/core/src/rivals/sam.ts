/**
 * Segment Anything and its descendants under the click evaluation, by an exported pair of ONNX files (segment_anything/predictor.py,
 * utils/transforms.py, utils/onnx.py): the picture is encoded once, each click decoded with all clicks and the mask before.
 */
import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { elementCount, type Held, type Runtime, type Session, type Tensor, tensor } from '@adclick/ortgrad';
import type { ImageClick } from '../clicks/types.ts';
import { describeIoError } from '../files.ts';
import { resizePlane, resizeRgb } from '../image/resize.ts';
import type { Windows } from '../image/samples.ts';
import type { Plane, RgbImage } from '../image/types.ts';
import { fromLogOdds } from '../log-odds.ts';
import {
  type ClickMethod,
  type ClickPicture,
  type OpenPicture,
  replayed,
  type Stepwise,
  UNKNOWN,
} from './click-method.ts';
import { misfit, readDecoder, readEncoder, type SamDecoder, type SamEncoder, type SamInput } from './sam-pair.ts';

/** What pictures are normalised by where the encoder does not do it itself, in values of 0 to 255. */
const MEAN = [123.675, 116.28, 103.53];
const DEVIATION = [58.395, 57.12, 57.375];

/** Labels of points. The padding point stands where the corners of a box would. */
const [NEGATIVE, POSITIVE, PADDING] = [0, 1, -1];

/** Masks that are four are one for clear clicks and three for a single, unclear one. */
const CLEAR_AND_UNCLEAR = 4;

interface Size {
  readonly width: number;
  readonly height: number;
}

/** Size of a picture inside the encoder's input. */
function scaledSize({ width, height }: Size, { frame, side, layout }: SamEncoder): Size {
  const factor =
    frame && layout === 'interleaved'
      ? Math.min(frame.width / width, frame.height / height)
      : side / Math.max(width, height);
  return { width: Math.floor(width * factor + 0.5), height: Math.floor(height * factor + 0.5) };
}

/** What the encoder is fed: the scaled picture at the top left, normalised where its channels come first, zeros around it. */
export function encoderInput(image: RgbImage, encoder: SamEncoder): Tensor {
  const { layout, batched, dtype } = encoder;
  const scaled = scaledSize(image, encoder);
  const { data } = resizeRgb(image, scaled.width, scaled.height);
  const { width, height } = encoder.frame ?? scaled;
  const planar = layout === 'planar';
  const out = dtype === 'uint8' ? new Uint8Array(3 * width * height) : new Float32Array(3 * width * height);
  const normal = planar && dtype === 'float32';
  for (let y = 0, from = 0; y < scaled.height; y++)
    for (let x = 0; x < scaled.width; x++)
      for (let c = 0; c < 3; c++, from++) {
        const at = planar ? (c * height + y) * width + x : (y * width + x) * 3 + c;
        out[at] = normal ? (data[from] - MEAN[c]) / DEVIATION[c] : data[from];
      }
  const sides = planar ? [3, height, width] : [height, width, 3];
  return tensor(out, batched ? [1, ...sides] : sides);
}

/** Numbers in the element type of an input. */
function fed({ dtype }: SamInput, values: readonly number[] | Float32Array, shape: readonly number[]): Tensor {
  if (dtype === 'int64')
    return tensor(
      BigInt64Array.from(values, (value) => BigInt(Math.round(value))),
      shape,
    );
  return tensor(dtype === 'int32' ? Int32Array.from(values) : Float32Array.from(values), shape);
}

/**
 * Which of several masks is meant: of four, the first once there are two clicks, else the best of the three others; of any others the best.
 * @param quality what the decoder thinks of each, where it says.
 */
export function chosenMask(count: number, quality: ArrayLike<number> | undefined, clicks: number): number {
  if (count === 1 || !quality) return 0;
  // As utils/onnx.py weighs them: 1000 times the points, the padding one among them, less 2.5.
  const score = (mask: number) =>
    quality[mask] + (count === CLEAR_AND_UNCLEAR && mask === 0 ? 1000 * (clicks + 1 - 2.5) : 0);
  let best = 0;
  for (let mask = 1; mask < count; mask++) if (score(mask) > score(best)) best = mask;
  return best;
}

/** One plane of (1, M, h, w). */
function planeOf({ data, shape }: Tensor, mask: number): Plane {
  const [height, width] = shape.slice(-2) as [number, number];
  const area = width * height;
  return {
    data: Float32Array.from(data.subarray(mask * area, (mask + 1) * area) as ArrayLike<number>),
    width,
    height,
    channels: 1,
  };
}

/** The top left of a plane. */
function topLeft({ data, width: from }: Plane, { width, height }: Size): Plane {
  const out = new Float32Array(width * height);
  for (let y = 0; y < height; y++) out.set(data.subarray(y * from, y * from + width), y * width);
  return { data: out, width, height, channels: 1 };
}

/** A picture that is encoded. */
class Encoded implements Stepwise {
  private low: Tensor | undefined;

  constructor(
    private readonly decoder: SamDecoder,
    private readonly session: Session,
    private readonly encoder: SamEncoder,
    private readonly embeddings: Readonly<Record<string, Held>>,
    private readonly size: Size,
    private readonly path: string,
  ) {}

  begin(): void {
    this.low = undefined;
  }

  async step(clicks: readonly ImageClick[]): Promise<Plane> {
    const { decoder, encoder, size } = this;
    const scaled = scaledSize(size, encoder);
    const answer = await this.session.run(this.feeds(clicks, scaled));
    const masks = answer[decoder.masks];
    if (masks.shape.length !== 4) throw misfit(this.path, `its masks are ${masks.shape.join(' x ')}`);
    const quality = decoder.quality === undefined ? undefined : answer[decoder.quality];
    const mask = chosenMask(masks.shape[1], quality?.data as ArrayLike<number> | undefined, clicks.length);
    const low = decoder.low === undefined ? undefined : answer[decoder.low];
    if (low) {
      const { data, width, height } = planeOf(low, mask);
      this.low = tensor(data, [1, 1, height, width]);
    }
    const drawn = this.atSize(planeOf(masks, mask), scaled);
    // Masks are logits but where they are cut already.
    const data = masks.dtype === 'float32' ? drawn.data.map(fromLogOdds) : drawn.data;
    return { ...drawn, data };
  }

  private feeds(clicks: readonly ImageClick[], scaled: Size): Record<string, Tensor | Held> {
    const { decoder, size } = this;
    const { coords, labels, mask } = decoder;
    const [across, down] = [scaled.width / size.width, scaled.height / size.height];
    const places = [...clicks.flatMap(({ x, y }) => [x * across, y * down]), 0, 0];
    const kinds = [...clicks.map(({ positive }) => (positive ? POSITIVE : NEGATIVE)), PADDING];
    const feeds: Record<string, Tensor | Held> = { ...this.embeddings };
    feeds[coords.name] = fed(coords, places, [1, kinds.length, 2]);
    feeds[labels.name] = fed(labels, kinds, [1, kinds.length]);
    if (mask) {
      const sides = [1, 1, mask.side, mask.side];
      feeds[mask.input.name] = this.low ?? fed(mask.input, new Float32Array(elementCount(sides)), sides);
      if (mask.has) feeds[mask.has.name] = fed(mask.has, [this.low ? 1 : 0], [1]);
    }
    if (decoder.size) {
      const { width, height } = this.wanted(scaled);
      feeds[decoder.size.name] = fed(decoder.size, [height, width], [2]);
    }
    return feeds;
  }

  /** The size that masks are asked for: the picture's, or the encoder's input where the picture does not fill its longer side. */
  private wanted(scaled: Size): Size {
    const { frame, side } = this.encoder;
    return frame && Math.max(scaled.width, scaled.height) < side ? frame : this.size;
  }

  /** A mask at the picture's size, by half-pixel centres as segment_anything/modeling/sam.py enlarges them. */
  private atSize(plane: Plane, scaled: Size): Plane {
    const { size, encoder, decoder } = this;
    const isOwn = plane.width === size.width && plane.height === size.height;
    if (decoder.size) {
      const wanted = this.wanted(scaled);
      if (plane.width !== wanted.width || plane.height !== wanted.height)
        throw misfit(
          this.path,
          `its masks are ${plane.width} x ${plane.height}, asked for ${wanted.width} x ${wanted.height}`,
        );
      return isOwn && wanted === size ? plane : resizePlane(topLeft(plane, scaled), size.width, size.height);
    }
    const { width, height } = encoder.frame ?? { width: encoder.side, height: encoder.side };
    return resizePlane(topLeft(resizePlane(plane, width, height), scaled), size.width, size.height);
  }
}

/** An exported pair under the evaluation. */
export class SamMethod implements ClickMethod {
  readonly name: string;
  readonly trainedOn = UNKNOWN;
  /** Where logits are 0, as its own mask_threshold has it. */
  readonly threshold = 0.5;

  private constructor(
    private readonly encoding: { readonly encoder: SamEncoder; readonly session: Session },
    private readonly decoding: { readonly decoder: SamDecoder; readonly session: Session; readonly path: string },
    encoderPath: string,
    readonly windows: Windows | undefined,
  ) {
    this.name = `sam:${basename(encoderPath)},${basename(decoding.path)}`;
  }

  /**
   * Opens a pair.
   * @throws ADC_RIVAL for a file that is missing, is no such model, or does not go with the other; ADC_RUNTIME when onnxruntime refuses it.
   */
  static async load(runtime: Runtime, encoderPath: string, decoderPath: string, windows?: Windows): Promise<SamMethod> {
    const read = (path: string) =>
      readFile(path).catch((error: unknown) => {
        throw misfit(path, `it cannot be read: ${describeIoError(error)}`, error);
      });
    const [encoderModel, decoderModel] = [await read(encoderPath), await read(decoderPath)];
    const encoder = readEncoder(encoderPath, encoderModel);
    const decoder = readDecoder(decoderPath, decoderModel, encoder);
    const encoding = { encoder, session: await runtime.load(encoderModel, { frugal: true }) };
    const decoding = { decoder, session: await runtime.load(decoderModel), path: decoderPath };
    return new SamMethod(encoding, decoding, encoderPath, windows);
  }

  async open({ image }: ClickPicture): Promise<OpenPicture> {
    const { encoder, session } = this.encoding;
    const { decoder, path } = this.decoding;
    const outputs = [...new Set(decoder.embeddings.values())];
    const held = await session.run(
      { [encoder.input]: encoderInput(image, encoder) },
      { keep: outputs, fetch: [], transfer: true },
    );
    const embeddings = Object.fromEntries([...decoder.embeddings].map(([name, output]) => [name, held[output]]));
    const encoded = new Encoded(decoder, this.decoding.session, encoder, embeddings, image, path);
    return {
      predict: replayed(encoded),
      close: async () => {
        for (const name of outputs) await held[name].release();
      },
    };
  }

  async close(): Promise<void> {
    await this.encoding.session.release();
    await this.decoding.session.release();
  }
}
