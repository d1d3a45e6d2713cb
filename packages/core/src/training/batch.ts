/** Laying out a batch: what the networks of this room take beside residuals, sample behind sample. */
import { type Tensor, tensor } from '@adclick/ortgrad';
import { DISC_RADIUS, type DiscRadii, overDisc } from '../clicks/disc.ts';
import { drawDisc } from '../clicks/encoding.ts';
import type { ModelClick } from '../clicks/types.ts';
import { IGNORE, type Mask } from '../image/types.ts';
import type { TextFeatures } from '../language/text-features.ts';
import { TOKENS } from '../language/tokenizer.ts';
import { fromLogOdds } from '../log-odds.ts';
import { CLICK_CHANNELS } from '../networks/adclick.ts';

/** One array a sample, behind one another; the side -1 of a sample's shape is what is left. */
export function stacked(parts: readonly Float32Array[], shape: readonly number[]): Tensor {
  const [first] = parts as [Float32Array];
  const rest = first.length / shape.reduce((product, side) => product * Math.abs(side), 1);
  const data = new Float32Array(parts.length * first.length);
  for (const [b, part] of parts.entries()) data.set(part, b * first.length);
  return tensor(data, [parts.length, ...shape.map((side) => (side === -1 ? rest : side))]);
}

/** What is said of a sample so far: the last prediction, and the clicks. */
interface Said {
  readonly probability: Float32Array;
  readonly clicks: readonly ModelClick[];
}

/** `clickMap`: previous prediction and click discs, (B, height, width, {@link CLICK_CHANNELS}). */
export function clickMaps(
  samples: readonly Said[],
  width: number,
  height: number,
  radii?: DiscRadii,
): Record<'clickMap', Tensor> {
  const maps = samples.map(({ probability, clicks }) => {
    const map = new Float32Array(width * height * CLICK_CHANNELS);
    for (let i = 0; i < probability.length; i++) map[i * CLICK_CHANNELS] = probability[i];
    for (const click of clicks) drawDisc(map, width, height, click, radii);
    return map;
  });
  return { clickMap: stacked(maps, [height, width, CLICK_CHANNELS]) };
}

/** What a sample is trained towards. */
interface Aim {
  readonly mask: Mask;
  /** Clicks that have to hold. */
  readonly clicks?: readonly ModelClick[];
}

/** How much more the pixel under a click counts than others, by a Gaussian of the disc's radius around it (ours). */
const CLICK_WEIGHT = 4;

/** `target` and `weight`, (B, height, width): 1 on defects; 0 where a pixel does not count, more than 1 around clicks. */
export function targets(aims: readonly Aim[]): Record<'target' | 'weight', Tensor> {
  const { width, height } = aims[0].mask;
  const area = width * height;
  const target = new Float32Array(aims.length * area);
  const weight = new Float32Array(aims.length * area);
  for (const [b, { mask, clicks = [] }] of aims.entries()) {
    const own = weight.subarray(b * area, (b + 1) * area).fill(1);
    for (const click of clicks) {
      overDisc(click, 3 * DISC_RADIUS, mask, (pixel) => {
        const distance2 = ((pixel % width) - click.x) ** 2 + (Math.floor(pixel / width) - click.y) ** 2;
        const near = Math.exp(-distance2 / (2 * DISC_RADIUS ** 2));
        own[pixel] = Math.max(own[pixel], 1 + CLICK_WEIGHT * near);
      });
    }
    for (let i = 0; i < area; i++) {
      target[b * area + i] = mask.data[i] === 1 ? 1 : 0;
      if (mask.data[i] === IGNORE) own[i] = 0;
    }
  }
  const shape = [aims.length, height, width];
  return { target: tensor(target, shape), weight: tensor(weight, shape) };
}

/** `words` (B, T, dims) and `wordMask` (B, T); nothing but zeros for samples without a prompt. */
export function promptWords(
  texts: readonly (TextFeatures | undefined)[],
  dims: number,
): Record<'words' | 'wordMask', Tensor> {
  const words = new Float32Array(texts.length * TOKENS * dims);
  const mask = new Float32Array(texts.length * TOKENS);
  for (const [b, text] of texts.entries()) {
    if (!text) continue;
    words.set(text.features, b * TOKENS * dims);
    mask.set(text.mask, b * TOKENS);
  }
  return {
    words: tensor(words, [texts.length, TOKENS, dims]),
    wordMask: tensor(mask, [texts.length, TOKENS]),
  };
}

/** Probabilities of sample b of a batch of logits. */
export function probabilityOf(logits: Float32Array, b: number, batch: number): Float32Array {
  const pixels = logits.length / batch;
  const out = new Float32Array(pixels);
  for (let i = 0; i < pixels; i++) out[i] = fromLogOdds(logits[b * pixels + i]);
  return out;
}
