import { FrozenParameters, Graph, Runtime, type Tensor, tensor } from '@adclick/ortgrad';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DEFAULT_WEIGHTS } from '../inference/labeler.ts';
import { modelPath } from '../models.ts';
import { Random } from '../random.ts';
import { adclickSeg, type SegHead } from './adclick-seg.ts';
import { loadOwnWeights, type OwnClickWeights } from './click-weights.ts';
import { noClicks } from './unasked.ts';

const [ROWS, COLUMNS] = [8, 16];
let runtime: Runtime;
let click: OwnClickWeights;

beforeAll(async () => {
  runtime = await Runtime.start();
  click = await loadOwnWeights(modelPath(`${DEFAULT_WEIGHTS}/weights.safetensors`));
});
afterAll(() => runtime.close());

async function logits(seg: SegHead, norm: Float32Array) {
  const { settings } = click;
  const weights = new Map<string, Tensor>(click.tensors);
  weights.set('seg.weight', tensor(new Float32Array(settings.dim), [settings.dim, 1]));
  weights.set('seg.bias', tensor(new Float32Array(1), [1]));
  const graph = new Graph('test');
  const residual = graph.input('residual', [1, ROWS, COLUMNS, settings.residualDims]);
  const norms = graph.input('norm', [1, ROWS, COLUMNS]);
  const colours = graph.input('colours', [1, 3, 8 * ROWS, 8 * COLUMNS]);
  const network = { ...settings, seg, path: { gain: 3, offset: -1 } };
  const seen = { residual, tokens: residual, norm: norms };
  const out = adclickSeg(graph, new FrozenParameters(graph, weights), network, seen, noClicks(graph, colours));
  graph.output('path', out.path);
  graph.output('correction', out.correction);
  const session = await runtime.load(graph.toModel());
  const random = new Random(4);
  const filled = (shape: number[]) =>
    tensor(
      Float32Array.from({ length: shape.reduce((a, b) => a * b) }, () => random.next()),
      shape,
    );
  const result = await session.run({
    residual: filled([1, ROWS, COLUMNS, settings.residualDims]),
    colours: filled([1, 3, 8 * ROWS, 8 * COLUMNS]),
    norm: tensor(norm, [1, ROWS, COLUMNS]),
  });
  await session.release();
  return {
    path: result.path.data as Float32Array,
    correction: result.correction.data as Float32Array,
  };
}

describe('ADClick-Seg', () => {
  it('has a path that depends on the norm alone, and rises with it', async () => {
    const random = new Random(7);
    const norm = Float32Array.from({ length: ROWS * COLUMNS }, () => 0.2 + random.next());
    const more = norm.slice();
    more[3 * COLUMNS + 5] += 1;
    const [a, b, tokens] = [await logits('pyramid', norm), await logits('pyramid', more), await logits('tokens', norm)];
    expect(tokens.path).toEqual(a.path);
    expect(b.correction).toEqual(a.correction);
    expect(b.path.every((value, i) => value >= a.path[i])).toBe(true);
    const centre = (8 * 3 + 4) * 8 * COLUMNS + 8 * 5 + 4;
    expect(b.path[centre]).toBeGreaterThan(a.path[centre] + 1);
  });

  it('begins at nothing with the published head, and with what the click model says unasked with its own', async () => {
    const norm = new Float32Array(ROWS * COLUMNS).fill(1);
    expect((await logits('tokens', norm)).correction.every((value) => value === 0)).toBe(true);
    expect(new Set((await logits('pyramid', norm)).correction).size).toBeGreaterThan(100);
  });
});
