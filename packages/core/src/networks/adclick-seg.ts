/** ADClick-Seg: finds defects without clicks (Fig. 3 of the paper; the residual's own path and the pyramid as head are ours). */
import {
  add,
  addScalar,
  type Graph,
  layerNorm,
  linear,
  log,
  type ParameterSource,
  reshape,
  resizeBilinear,
  scale,
  spaceToDepth,
  type Value,
} from '@adclick/ortgrad';
import { type AdclickSettings, adclick, type ClickInputs, embedResidual, languageMap, TOKEN } from './adclick.ts';
import type { Words } from './pwam.ts';
import { dense, swinStack } from './swin.ts';

/**
 * What reads logits off the tokens: `tokens` is the published head, one linear layer, which begins at nothing;
 * `pyramid` is the click model's own, which begins with what that says before the first click.
 */
export type SegHead = 'tokens' | 'pyramid';

/** Everything constant about one network. */
export interface SegSettings extends AdclickSettings {
  readonly seg: SegHead;
  /** The unsupervised path: gain · log(norm) + offset. */
  readonly path: { readonly gain: number; readonly offset: number };
}

/** What the network sees of a picture; values of one graph. */
export interface SegPicture {
  /** log(1 + r²/c), (B, h, w, D). */
  readonly residual: Value;
  /** Descriptors of length 1, (B, h, w, D); needed with words only. */
  readonly tokens: Value;
  /** √mean log(1 + r²/c) over the compared channels, see normOn in residual/norm.ts, (B, h, w). */
  readonly norm: Value;
}

/** The two terms of the logits, (B, 8h, 8w) each. */
export interface SegLogits {
  /** Rises with the residual's length and nothing else: training cannot lose it. */
  readonly path: Value;
  /** What has been learnt. */
  readonly correction: Value;
}

/** Keeps the logarithm finite. */
const LEAST_NORM = 1e-3;

/** The unsupervised map as a logit, monotone in the residual's enlarged length. norm (B, h, w) -> (B, 8h, 8w). */
export function residualPath(norm: Value, { gain, offset }: SegSettings['path']): Value {
  const [batch, height, width] = norm.shape as [number, number, number];
  const [rows, columns] = [TOKEN * height, TOKEN * width];
  const large = resizeBilinear(reshape(norm, [batch, 1, height, width]), [rows, columns]); // (B, 1, 8h, 8w)
  const level = reshape(log(addScalar(large, LEAST_NORM)), [batch, rows, columns]); // (B, 8h, 8w)
  return addScalar(scale(level, gain), offset); // (B, 8h, 8w)
}

/** The published head: residual, clicks and language as tokens, Swin blocks, one logit a token. */
function tokenHead(
  graph: Graph,
  p: ParameterSource,
  settings: SegSettings,
  embedded: Value,
  { clickMap }: ClickInputs,
  language: Value | undefined,
): Value {
  const [batch, height, width, dim] = embedded.shape as [number, number, number, number];
  let x = add(layerNorm(embedded), dense(p, 'clicks', spaceToDepth(clickMap, TOKEN), dim)); // (B, h, w, dim)
  if (language) x = add(x, language); // (B, h, w, dim)
  x = reshape(x, [batch, height * width, dim]); // (B, h·w, dim)
  x = swinStack(graph, p, 'blocks', x, { height, width }, settings); // (B, h·w, dim)
  const weight = p.get('seg.weight', [dim, 1], { kind: 'zeros' }); // (dim, 1)
  const bias = p.get('seg.bias', [1], { kind: 'zeros' }); // (1)
  const logits = reshape(linear(x, weight, bias), [batch, 1, height, width]); // (B, 1, h, w)
  const [rows, columns] = [TOKEN * height, TOKEN * width];
  return reshape(resizeBilinear(logits, [rows, columns]), [batch, rows, columns]); // (B, 8h, 8w)
}

/**
 * Builds the network. Names of weights are the click model's, so that what it has learnt on other products is where this begins.
 * Language is added once, where each head adds it.
 */
export function adclickSeg(
  graph: Graph,
  p: ParameterSource,
  settings: SegSettings,
  picture: SegPicture,
  clicks: ClickInputs,
  words?: Words,
): SegLogits {
  const embedded = embedResidual(p, settings, picture.residual); // (B, h, w, dim)
  const language = words && languageMap(p, settings, picture.tokens, words); // (B, h, w, dim)
  const head = settings.seg === 'pyramid' ? adclick : tokenHead;
  return {
    path: residualPath(picture.norm, settings.path),
    correction: head(graph, p, settings, embedded, clicks, language),
  };
}
