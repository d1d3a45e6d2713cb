/**
 * ADClick-Seg as published (Fig. 3 of the paper): squared residual, clicks and language as tokens -> one Swin stage -> one logit a token.
 * Dimensions as in published-adclick.ts.
 */
import { add, concat, expand, type ParameterSource, resizeBilinear, type Value } from '@adclick/ortgrad';
import { CLICK_CHANNELS, TOKEN } from './adclick.ts';
import { embedClicks, embedDelta, type PublishedSettings, stage, toPicture } from './published-adclick.ts';
import { type SlidingWindow, slideOver } from './sliding-window.ts';
import { dense } from './swin.ts';

/**
 * What a prompt adds to the tokens: LAVT's first map at the size of the second, and the second, side by side (384 channels in the paper),
 * through a 1 × 1 convolution.
 * @param maps (B, 2h, 2w, ·), (B, h, w, ·), and more, which are not used. @returns (B, h, w, E).
 */
export function languageTokens(
  p: ParameterSource,
  { dim }: PublishedSettings,
  [first, second]: readonly Value[],
): Value {
  const [, height, width] = second.shape as [number, number, number];
  const sized = resizeBilinear(first, [height, width], { layout: 'nhwc' }); // (B, h, w, ·)
  return dense(p, 'language.tokens', concat([sized, second], 3), dim); // (B, h, w, E)
}

/**
 * Builds the network on a graph; no pyramid, no perceptron as head, which the paper gave up since they overfit.
 * @param embedded what embedDelta gives, (B, h, w, E). @param clickMap (B, 8h, 8w, 3); zeros where nobody has clicked.
 * @param language what {@link languageTokens} gives. @param paths see Dropped. @returns logits (B, 8h, 8w).
 */
export function publishedSeg(
  p: ParameterSource,
  settings: PublishedSettings,
  embedded: Value,
  clickMap: Value,
  { language, paths }: { readonly language?: Value; readonly paths?: Value } = {},
): Value {
  const [, height, width] = embedded.shape as [number, number, number];
  const clicked = add(embedded, embedClicks(p, settings, clickMap)); // (B, h, w, E)
  const tokens = language ? add(clicked, language) : clicked; // (B, h, w, E)
  const logits = dense(p, 'seg', stage(p, settings, tokens, paths), 1); // (B, h, w, 1)
  return toPicture(logits, TOKEN * height, TOKEN * width); // (B, 8h, 8w)
}

/**
 * The network on a picture that nobody has clicked on: an empty click map, without words as where the paper has no labels.
 * @param delta (1, h, w, D). @param window looks at overlapping windows in place of the whole; their answers are averaged.
 * @returns logits (1, 8h, 8w).
 */
export function publishedUnasked(
  p: ParameterSource,
  settings: PublishedSettings,
  delta: Value,
  window?: SlidingWindow,
): Value {
  const { graph } = delta;
  const [, height, width] = delta.shape as [number, number, number];
  const look = (seen: Value): Value => {
    const [batch, h, w] = seen.shape as [number, number, number];
    const nothing = graph.constant(new Float32Array(1), [1, 1, 1, 1]);
    const clickMap = expand(nothing, [batch, TOKEN * h, TOKEN * w, CLICK_CHANNELS]); // (B, 8h, 8w, 3)
    return publishedSeg(p, settings, embedDelta(p, settings, seen), clickMap); // (B, 8h, 8w)
  };
  if (!window) return look(delta);
  return slideOver(graph, [height, width], window, (cut) => look(cut(delta, { axis: 1, perToken: 1 })));
}
