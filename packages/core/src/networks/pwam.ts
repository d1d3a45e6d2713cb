/**
 * Pixel–word attention: every place of a feature map asks the words of a prompt what they say of it (LAVT's PWAM, as ADClick has it).
 * In the comments N places of a picture, T words of D channels, C channels of a descriptor, L of the result.
 */
import {
  add,
  addScalar,
  clamp,
  type Graph,
  gelu,
  layerNorm,
  matmul,
  mul,
  type ParameterSource,
  reduceSum,
  reshape,
  scale,
  softmax,
  swapLast,
  type Value,
} from '@adclick/ortgrad';
import { TOKENS } from '../language/tokenizer.ts';
import { dense } from './swin.ts';

/** Words as a network takes them: values of one graph. */
export interface Words {
  /** Text features (B, T, D). */
  readonly features: Value;
  /** 1 where a position counts, else 0, (B, T); all 0 for a picture without a prompt. */
  readonly mask: Value;
}

/** Declares the graph inputs `words` (B, T, D) and `wordMask` (B, T). */
export const wordInputs = (graph: Graph, batch: number, dims: number): Words => ({
  features: graph.input('words', [batch, TOKENS, dims]),
  mask: graph.input('wordMask', [batch, TOKENS]),
});

/** What a position without a word loses of its score, as in LAVT: its share of the softmax is zero. */
export const NO_WORD = 1e4;

/**
 * Attention of pixels to words, times what the pixels are: nothing where there are no words.
 * Queries and answers are normalised over channels, a token each, where the published module normalises each channel over the
 * picture: training sees crops, on which that norm would be another one than on whole pictures (ours).
 * @param x descriptors (B, h, w, C). @param width channels of the result, L.
 * @returns (B, h, w, L)
 */
export function pwam(p: ParameterSource, name: string, x: Value, { features, mask }: Words, width: number): Value {
  const [batch, rows, columns, channels] = x.shape as [number, number, number, number];
  const words = mask.shape[1];
  const pixels = layerNorm(reshape(x, [batch, rows * columns, channels])); // (B, N, C)
  const valid = reshape(mask, [batch, words, 1]); // (B, T, 1)
  const vis = gelu(dense(p, `${name}.vis`, pixels, width)); // (B, N, L)
  const query = layerNorm(dense(p, `${name}.query`, pixels, width)); // (B, N, L)
  const key = mul(dense(p, `${name}.key`, features, width), valid); // (B, T, L)
  const value = mul(dense(p, `${name}.value`, features, width), valid); // (B, T, L)

  const absent = reshape(scale(addScalar(mask, -1), NO_WORD), [batch, 1, words]); // (B, 1, T)
  const scores = add(scale(matmul(query, swapLast(key)), 1 / Math.sqrt(width)), absent); // (B, N, T)
  const heard = matmul(softmax(scores), value); // (B, N, L)
  const said = layerNorm(dense(p, `${name}.lang`, heard, width)); // (B, N, L)
  const any = reshape(clamp(reduceSum(mask, [1]), 0, 1), [batch, 1, 1]); // (B, 1, 1)
  const out = mul(gelu(dense(p, `${name}.out`, mul(vis, said), width)), any); // (B, N, L)
  return reshape(out, [batch, rows, columns, width]); // (B, h, w, L)
}
