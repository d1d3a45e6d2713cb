/** How well a network does on pictures that it was not trained on, for several degrees of trust in what it has learnt. */
import { FrozenParameters, Graph, type Runtime, type Tensor, tensor, toFloat32 } from '@adclick/ortgrad';
import { TokenInputs } from '../clicks/encoding.ts';
import { averagePrecision } from '../evaluation/metrics.ts';
import { normalisedColours } from '../features/normalised-colours.ts';
import type { Mask, Plane } from '../image/types.ts';
import { residualInput, TOKEN, tokenInput } from '../networks/adclick.ts';
import type { SegSettings } from '../networks/adclick-seg.ts';
import type { SlidingWindow } from '../networks/sliding-window.ts';
import { type TypeWords, unasked } from '../networks/unasked.ts';
import { triValued } from './pseudo-labels.ts';
import type { SegItem } from './seg-items.ts';

/** Perturbation of the labels that judge: pixels between 0.3 and 0.7 do not count. */
export const JUDGING = 0.2;

/** A session that gives path and correction of whole pictures. */
async function judge(
  runtime: Runtime,
  settings: SegSettings,
  weights: ReadonlyMap<string, Tensor>,
  words: TypeWords,
  window: SlidingWindow | undefined,
  { height, width, dims }: SegItem,
) {
  const graph = new Graph('adclick-seg');
  const residual = residualInput(graph, 1, height, width, dims);
  const norm = graph.input('norm', [1, height, width]);
  const colours = graph.input('colours', [1, 3, TOKEN * height, TOKEN * width]);
  const tokens = words.size > 0 ? tokenInput(graph, 1, height, width, dims) : residual;
  const frozen = new FrozenParameters(graph, weights);
  const logits = unasked(frozen, settings, { residual, tokens, norm }, colours, words, window);
  graph.output('path', logits.path);
  graph.output('correction', logits.correction);
  const session = await runtime.load(graph.toModel());
  return {
    async look(item: SegItem) {
      const [delta, tokens] = [item.delta, item.tokens].map((bits) =>
        toFloat32(tensor(bits, [bits.length], 'float16')),
      );
      const inputs = new TokenInputs({ ...item, delta: delta, tokens: tokens });
      const out = await session.run({
        residual: tensor(inputs.residual, [1, height, width, dims]),
        norm: tensor(item.norm, [1, height, width]),
        colours: tensor(normalisedColours(item.image, item.colourNorm), [1, 3, TOKEN * height, TOKEN * width]),
        ...(words.size > 0 && { tokens: tensor(inputs.descriptors, [1, height, width, dims]) }),
      });
      return (['path', 'correction'] as const).map((name) => out[name].data as Float32Array);
    },
    close: () => session.release(),
  };
}

/** What is judged, and how. */
export interface Judging {
  readonly runtime: Runtime;
  readonly settings: SegSettings;
  readonly weights: ReadonlyMap<string, Tensor>;
  readonly words: TypeWords;
  /** Factors on what is learnt. */
  readonly trust: readonly number[];
  readonly window?: SlidingWindow;
}

/** Average precision with each degree of trust on pictures that the weights were not trained on. */
export async function precisionOf(
  { runtime, settings, weights, words, trust, window }: Judging,
  items: readonly SegItem[],
): Promise<number[]> {
  const first = items[0];
  const plane = (data: Float32Array): Plane => ({
    data,
    width: TOKEN * first.width,
    height: TOKEN * first.height,
    channels: 1,
  });
  const network = await judge(runtime, settings, weights, words, window, first);
  const masks: Mask[] = [];
  const maps: Plane[][] = trust.map(() => []);
  for (const item of items) {
    masks.push({ ...plane(item.norm), data: triValued(item.probability, JUDGING) });
    const [path, correction] = (await network.look(item)) as [Float32Array, Float32Array];
    for (const [t, factor] of trust.entries())
      maps[t]?.push(plane(path.map((value, i) => value + factor * correction[i])));
  }
  await network.close();
  return maps.map((each) => averagePrecision(each, masks));
}
