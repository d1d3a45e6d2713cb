/** ADClick-Seg on pictures that nobody has clicked on: every defect type is asked for, and the largest answer counts. */
import { add, expand, type Graph, maximum, type ParameterSource, scale, type Value } from '@adclick/ortgrad';
import type { TextFeatures } from '../language/text-features.ts';
import { CLICK_CHANNELS, CLICK_PLANES, type ClickInputs, LIKENESS, TOKEN } from './adclick.ts';
import { adclickSeg, residualPath, type SegLogits, type SegPicture, type SegSettings } from './adclick-seg.ts';
import type { Words } from './pwam.ts';
import { type SlidingWindow, slideOver } from './sliding-window.ts';

/** Features of the phrases of each defect type that has some. */
export type TypeWords = ReadonlyMap<string, TextFeatures>;

/** Click inputs of pictures that nobody has clicked on. @param colours (B, 3, 8h, 8w). */
export function noClicks(graph: Graph, colours: Value): ClickInputs {
  const [batch, , rows, columns] = colours.shape as [number, number, number, number];
  const none = (shape: number[]) => expand(graph.constant(new Float32Array(1), [1, 1, 1, 1]), shape);
  return {
    clickPlanes: none([batch, rows / TOKEN, columns / TOKEN, CLICK_PLANES]), // (B, h, w, 8)
    clickMap: none([batch, rows, columns, CLICK_CHANNELS]), // (B, 8h, 8w, 3)
    colours, // (B, 3, 8h, 8w)
    likeness: none([batch, LIKENESS, rows, columns]), // (B, 2, 8h, 8w)
  };
}

/**
 * The largest answer over all defect types at each place, A(x) = max over k of P_k(x): Eq. 7 of the paper. Taken of logits, which the
 * probabilities follow in order; without types the network is asked once, without words.
 * @equation 7
 * @param batch pictures, or windows of one. @param ask builds the answer to the words of one type, any shape.
 */
export function largestAnswer(graph: Graph, words: TypeWords, batch: number, ask: (words?: Words) => Value): Value {
  if (words.size === 0) return ask();
  const each = [...words.values()].map(({ features, mask, tokens, dims }) => ({
    features: expand(graph.constant(features, [1, tokens, dims]), [batch, tokens, dims]), // (B, T, D)
    mask: expand(graph.constant(Float32Array.from(mask), [1, tokens]), [batch, tokens]), // (B, T)
  }));
  return each.map(ask).reduce(maximum);
}

/**
 * The network on a picture that nobody has clicked on.
 * @param colours (1, 3, 8h, 8w). @param window looks at overlapping windows in place of the whole; their answers are averaged.
 * @returns path and correction, (1, 8h, 8w).
 */
export function unasked(
  p: ParameterSource,
  settings: SegSettings,
  picture: SegPicture,
  colours: Value,
  words: TypeWords,
  window?: SlidingWindow,
): SegLogits {
  const { graph } = colours;
  const [, height, width] = picture.norm.shape as [number, number, number];
  const learnt = (of: SegPicture, seen: Value): Value =>
    largestAnswer(
      graph,
      words,
      of.norm.shape[0],
      (each) => adclickSeg(graph, p, settings, of, noClicks(graph, seen), each).correction,
    );
  const correction = window
    ? slideOver(graph, [height, width], window, (cut) => {
        const { residual, tokens, norm } = picture;
        const cells = { axis: 1, perToken: 1 };
        const cutOut = { residual: cut(residual, cells), tokens: cut(tokens, cells), norm: cut(norm, cells) };
        return learnt(cutOut, cut(colours, { axis: 2, perToken: TOKEN })); // (windows, 8·side, 8·side)
      })
    : learnt(picture, colours); // (1, 8h, 8w)
  return { path: residualPath(picture.norm, settings.path), correction };
}

/** Logits that go by what is learnt as far as it is trusted, (B, 8h, 8w). @param trust at least 0. */
export const trusted = ({ path, correction }: SegLogits, trust: number): Value => add(path, scale(correction, trust));
