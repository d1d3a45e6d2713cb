/** One feature for many prompts of a defect type (Eq. 6). */
import type { EncodedText } from './text-encoder.ts';

/**
 * How prompts of different lengths are put together.
 * - `any` (ours): at each position the mean over the prompts that have a token there; valid where any has.
 * - `all` (the published code): the mean over all prompts, what the encoder makes of padding included; valid where all have a token.
 */
export type MaskRule = 'any' | 'all';

/** What language tells a network about one defect type. */
export interface TextFeatures {
  /** (tokens, dims), row-major. */
  readonly features: Float32Array;
  /** 1 where a position counts, (tokens). */
  readonly mask: Uint8Array;
  /** T. */
  readonly tokens: number;
  /** D. */
  readonly dims: number;
}

/** Features of one sentence: training draws them instead of the mean half of the time. */
export function sentenceFeatures({ features, mask, count, tokens, dims }: EncodedText, index: number): TextFeatures {
  if (!(Number.isInteger(index) && index >= 0 && index < count))
    throw new RangeError(`sentenceFeatures: no sentence ${index} among ${count}`);
  const [from, to] = [index * tokens, (index + 1) * tokens];
  return { features: features.slice(from * dims, to * dims), mask: mask.slice(from, to), tokens, dims };
}

/**
 * Mean over prompts, L = (1/n) Σ BERT(S_m), position by position: Eq. 6 of the paper.
 * @equation 6
 * Under `any`, positions where no prompt has a token are zero.
 */
export function textFeatures(encoded: EncodedText, rule: MaskRule = 'any'): TextFeatures {
  const { features, mask: valid, count, tokens, dims } = encoded;
  if (count === 0) throw new RangeError('textFeatures: no sentences to take the mean of');
  const mean = new Float32Array(tokens * dims);
  const mask = new Uint8Array(tokens);
  const sum = new Float64Array(dims);
  for (let position = 0; position < tokens; position++) {
    let having = 0;
    let summed = 0;
    sum.fill(0);
    for (let sentence = 0; sentence < count; sentence++) {
      const at = sentence * tokens + position;
      const has = valid[at] === 1;
      if (has) having++;
      if (!has && rule === 'any') continue;
      summed++;
      for (let d = 0; d < dims; d++) sum[d] = sum[d] + features[at * dims + d];
    }
    mask[position] = (rule === 'any' ? having > 0 : having === count) ? 1 : 0;
    if (summed === 0) continue;
    for (let d = 0; d < dims; d++) mean[position * dims + d] = sum[d] / summed;
  }
  return { features: mean, mask, tokens, dims };
}
