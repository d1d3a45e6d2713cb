/** The graphs of a click network on a grid of (height, width) tokens, ours or the published one: what a picture, a prompt and a click need. */
import { FrozenParameters, Graph, sigmoid, type Value } from '@adclick/ortgrad';
import { TEXT_ENCODERS } from '../language/text-encoder.ts';
import { adclick, clickInputs, embedResidual, languageMap, residualInput, tokenInput } from '../networks/adclick.ts';
import type { ClickWeights, OwnClickWeights, PublishedClickWeights } from '../networks/click-weights.ts';
import { clickMapInput, deltaInput, embedDelta, publishedAdclick } from '../networks/published-adclick.ts';
import { wordInputs } from '../networks/pwam.ts';

/** Builds a graph for a grid of (height, width) tokens. */
type OnGrid = (height: number, width: number) => Graph;

/** The graphs of one network. */
export interface ClickGraphs {
  /** `residual`, or the published network's `delta` -> `embedded`. */
  readonly picture: OnGrid;
  /** `tokens`, `words`, `wordMask` -> `language`; none where language does not guide the weights. */
  readonly prompt?: OnGrid;
  /** `embedded`, `language`, `clickPlanes`, `clickMap`, `colours`, `likeness`, or the published network's `embedded` and `clickMap` -> `probability`. */
  readonly click: OnGrid;
}

function ownGraphs({ card, settings, tensors }: OwnClickWeights): ClickGraphs {
  const { textEncoder } = card;
  return {
    picture: (height, width) => {
      const graph = new Graph('adclick-picture');
      const residual = residualInput(graph, 1, height, width, settings.residualDims);
      graph.output('embedded', embedResidual(new FrozenParameters(graph, tensors), settings, residual));
      return graph;
    },
    prompt:
      textEncoder &&
      ((height, width) => {
        const graph = new Graph('adclick-prompt');
        const words = wordInputs(graph, 1, TEXT_ENCODERS[textEncoder].shape.dims);
        const tokens = tokenInput(graph, 1, height, width, settings.residualDims);
        graph.output('language', languageMap(new FrozenParameters(graph, tensors), settings, tokens, words));
        return graph;
      }),
    click: (height, width) => {
      const graph = new Graph('adclick-click');
      const shape = [1, height, width, settings.dim];
      const embedded = graph.input('embedded', shape);
      const language = textEncoder && graph.input('language', shape);
      const inputs = clickInputs(graph, 1, height, width);
      const logits = adclick(graph, new FrozenParameters(graph, tensors), settings, embedded, inputs, language);
      graph.output('probability', sigmoid(logits));
      return graph;
    },
  };
}

/** Without a prompt: what LAVT says of one comes with its encoder. */
function publishedGraphs({ settings, tensors }: PublishedClickWeights): ClickGraphs {
  return {
    picture: (height, width) => {
      const graph = new Graph('adclick-picture');
      const delta = deltaInput(graph, 1, height, width, settings.residualDims);
      graph.output('embedded', embedDelta(new FrozenParameters(graph, tensors), settings, delta));
      return graph;
    },
    click: (height, width) => {
      const graph = new Graph('adclick-click');
      const embedded = graph.input('embedded', [1, height, width, settings.dim]);
      const clicks = clickMapInput(graph, 1, height, width);
      const logits = publishedAdclick(new FrozenParameters(graph, tensors), settings, embedded, clicks);
      graph.output('probability', sigmoid(logits));
      return graph;
    },
  };
}

/** The graphs of a network with its weights. */
export const clickGraphs = (weights: ClickWeights): ClickGraphs =>
  weights.network === 'own' ? ownGraphs(weights) : publishedGraphs(weights);

/** Residual and clicks in, logits out. */
function wholeNetwork(graph: Graph, weights: ClickWeights, height: number, width: number): Value {
  const parameters = new FrozenParameters(graph, weights.tensors);
  if (weights.network === 'own') {
    const { settings } = weights;
    const residual = residualInput(graph, 1, height, width, settings.residualDims);
    const inputs = clickInputs(graph, 1, height, width);
    return adclick(graph, parameters, settings, embedResidual(parameters, settings, residual), inputs);
  }
  const { settings } = weights;
  const delta = deltaInput(graph, 1, height, width, settings.residualDims);
  const clicks = clickMapInput(graph, 1, height, width);
  return publishedAdclick(parameters, settings, embedDelta(parameters, settings, delta), clicks);
}

/**
 * Bytes of the ONNX model for one grid of (height, width) tokens, residual and clicks in, probability out: the whole network without
 * language as one file, for other runtimes. Metadata hold the weights' card.
 */
export function clickModel(weights: ClickWeights, height: number, width: number): Uint8Array {
  const graph = new Graph('adclick');
  graph.output('probability', sigmoid(wholeNetwork(graph, weights, height, width)));
  return graph.toModel({ card: JSON.stringify(weights.card) });
}
