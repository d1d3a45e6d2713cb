/**
 * What an exported pair of Segment Anything (Kirillov et al., ICCV 2023) or a descendant takes and gives, read from its two ONNX files: the
 * decoder of segment-anything's scripts/export_onnx_model.py, and encoders as samexporter and MobileSAM's exports write them.
 */
import { basename } from 'node:path';
import { type DType, type PortSketch, sketchModel } from '@adclick/ortgrad';
import { fail } from '../errors.ts';

/** Pixels of the longer side of what encoders see, where their file does not say it. */
const SIDE = 1024;
/** Pixels along a side of the mask that goes from click to click, where the decoder's file does not say it. */
const LOW_SIDE = 256;

/** Names that one thing has in public exports. */
const NAMES = {
  embeddings: ['image_embeddings', 'image_embedding', 'embeddings'],
  coords: ['point_coords'],
  labels: ['point_labels'],
  mask: ['mask_input'],
  hasMask: ['has_mask_input'],
  size: ['orig_im_size'],
  masks: ['masks', 'mask'],
  quality: ['iou_predictions', 'iou_pred', 'iou_scores'],
  low: ['low_res_masks', 'low_res_logits'],
} as const;

/** How an encoder takes a picture. */
export interface SamEncoder {
  readonly input: string;
  readonly dtype: 'float32' | 'uint8';
  /** Channels first; or last, where the export normalises and pads by itself. */
  readonly layout: 'planar' | 'interleaved';
  /** Whether it has an axis for pictures. */
  readonly batched: boolean;
  /** Pixels of its input; undefined where it takes the scaled picture as it is. */
  readonly frame: { readonly width: number; readonly height: number } | undefined;
  /** Pixels that the longer side of a picture is scaled to. */
  readonly side: number;
  readonly outputs: readonly string[];
}

/** A value that the decoder is fed. */
export interface SamInput {
  readonly name: string;
  readonly dtype: DType;
}

/** What a decoder takes and gives. */
export interface SamDecoder {
  /** What it takes of the encoder: the decoder's name of each, and the encoder's. */
  readonly embeddings: ReadonlyMap<string, string>;
  readonly coords: SamInput;
  readonly labels: SamInput;
  /** Mask of the click before and whether there is one; undefined where it goes by clicks alone. */
  readonly mask: { readonly input: SamInput; readonly has: SamInput | undefined; readonly side: number } | undefined;
  /** Size that masks are wanted in; undefined where they come as the decoder draws them. */
  readonly size: SamInput | undefined;
  readonly masks: string;
  readonly quality: string | undefined;
  readonly low: string | undefined;
}

const MEND =
  'Give both files of one export of Segment Anything, the encoder first; docs/formats.md says what they take and give.';

/** Says which of two files does not fit. */
export const misfit = (path: string, what: string, cause?: unknown): Error =>
  fail('ADC_RIVAL', { name: basename(path), what, mend: MEND }, cause);

const shown = ({ name, dtype, shape }: PortSketch) =>
  `${name} (${dtype ?? 'another type'}, ${shape.map((side) => side ?? '?').join(' x ')})`;

function sketched(path: string, model: Uint8Array) {
  try {
    const sketch = sketchModel(model);
    if (sketch.beyond !== undefined) throw misfit(path, sketch.beyond);
    return sketch;
  } catch (error) {
    if (error instanceof RangeError) throw misfit(path, `it is no ONNX file: ${error.message}`, error);
    throw error;
  }
}

/** @throws ADC_RIVAL when the file is no such encoder. */
export function readEncoder(path: string, model: Uint8Array): SamEncoder {
  const { inputs, outputs } = sketched(path, model);
  const [port] = inputs;
  if (inputs.length !== 1 || port === undefined)
    throw misfit(path, `an encoder takes one picture, this file takes ${inputs.map(shown).join(', ') || 'nothing'}`);
  const { name: input, dtype, shape } = port;
  const wrong = () => misfit(path, `${shown(port)} is no picture of three channels in float32 or uint8`);
  if (dtype !== 'float32' && dtype !== 'uint8') throw wrong();
  const batched = shape.length === 4;
  const sides = batched ? shape.slice(1) : shape;
  if (sides.length !== 3) throw wrong();
  // Where no side is fixed, pictures with an axis of their own have their channels first, as torch has them.
  const open = sides[0] === undefined && sides[2] === undefined;
  const planar = sides[0] === 3 || (open && batched);
  if (!planar && sides[2] !== 3 && !open) throw wrong();
  const [height, width] = planar ? sides.slice(1) : sides;
  if ((height === undefined) !== (width === undefined)) throw wrong();
  const own = height !== undefined && width !== undefined ? { width, height } : undefined;
  const frame = own ?? (planar ? { width: SIDE, height: SIDE } : undefined);
  if (planar && frame?.width !== frame?.height)
    throw misfit(path, `${shown(port)} is no square, which pictures with channels first are padded to`);
  const side = frame ? Math.max(frame.width, frame.height) : SIDE;
  const layout = planar ? 'planar' : 'interleaved';
  return { input, dtype, layout, batched, frame, side, outputs: outputs.map(({ name }) => name) };
}

/** Element types that a decoder's small inputs can have. */
const FED: readonly (DType | undefined)[] = ['float32', 'int64', 'int32'];

/** @throws ADC_RIVAL when the file is no decoder that goes with the encoder. */
export function readDecoder(path: string, model: Uint8Array, encoder: SamEncoder): SamDecoder {
  const { inputs, outputs } = sketched(path, model);
  const find = (ports: readonly PortSketch[], role: keyof typeof NAMES) =>
    ports.find(({ name }) => (NAMES[role] as readonly string[]).includes(name));
  const has = `it has ${inputs.map(shown).join(', ')}`;
  const fed = (role: keyof typeof NAMES): SamInput | undefined => {
    const port = find(inputs, role);
    if (!port) return undefined;
    const { name, dtype } = port;
    if (dtype === undefined || !FED.includes(dtype)) throw misfit(path, `${shown(port)} is of a type that is not fed`);
    return { name, dtype };
  };
  const needed = (role: 'coords' | 'labels'): SamInput => {
    const found = fed(role);
    if (!found) throw misfit(path, `its decoder has no input ${NAMES[role].join(' or ')}; ${has}`);
    return found;
  };
  const [coords, labels] = [needed('coords'), needed('labels')];
  const [mask, hasMask, size] = [fed('mask'), fed('hasMask'), fed('size')];
  const embeddings = new Map<string, string>();
  const known = [coords, labels, mask, hasMask, size].map((input) => input?.name);
  for (const { name } of inputs) {
    if (known.includes(name)) continue;
    const alike = (NAMES.embeddings as readonly string[]).includes(name);
    const names = encoder.outputs.filter((output) => (NAMES.embeddings as readonly string[]).includes(output));
    const [other] = encoder.outputs.length === 1 ? encoder.outputs : names;
    const source = encoder.outputs.includes(name) ? name : alike ? other : undefined;
    if (source === undefined)
      throw misfit(path, `nothing is known to feed its input ${name}; the encoder gives ${encoder.outputs.join(', ')}`);
    embeddings.set(name, source);
  }
  if (embeddings.size === 0) throw misfit(path, `its decoder takes nothing of the encoder; ${has}`);
  const masks = find(outputs, 'masks');
  const low = find(outputs, 'low');
  const drawn = masks ?? low;
  if (!drawn) throw misfit(path, `it gives no masks, only ${outputs.map(shown).join(', ')}`);
  const maskSide = inputs.find(({ name }) => name === mask?.name)?.shape.at(-1) ?? LOW_SIDE;
  return {
    embeddings,
    coords,
    labels,
    mask: mask && low ? { input: mask, has: hasMask, side: maskSide } : maskless(path, mask, hasMask, maskSide),
    size,
    masks: drawn.name,
    quality: find(outputs, 'quality')?.name,
    low: low?.name,
  };
}

/** A decoder that asks for a mask and gives none to go on from is told that there is none. */
function maskless(path: string, mask: SamInput | undefined, has: SamInput | undefined, side: number) {
  if (mask && !has) throw misfit(path, `its decoder wants a mask (${mask.name}) and gives none to go on from`);
  return mask && { input: mask, has, side };
}
