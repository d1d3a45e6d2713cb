/** SimpleClick beside PyTorch, with weights that both draw (bench/reference/simple_click.py). */
import { join } from 'node:path';
import { elementCount, FrozenParameters, Graph, Runtime, readSafetensors, type Tensor, tensor } from '@adclick/ortgrad';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { simpleClickNetwork } from '../../src/checkpoints/simple-click.ts';
import { SIMPLE_CLICK_VIT_B, type SimpleClickShape, simpleClick } from '../../src/networks/simple-click.ts';
import { difference, largest } from './difference.ts';
import { seeded } from './seeded.ts';

/** As published but for the widths. */
const NARROW: SimpleClickShape = { ...SIMPLE_CLICK_VIT_B, dim: 24, heads: 2, levels: [8, 12, 16, 20], head: 16 };
const PICTURES = 2;
/** Rows and columns between those that the fixture keeps. */
const STEP = 7;

/** As `drawn` in the Python. */
function drawn(name: string, shape: readonly number[]): Tensor {
  if (name.endsWith('.bias')) return seeded(name, shape, 0.2);
  if (shape.length === 1) return seeded(name, shape, 0.5, 1);
  return seeded(name, shape, name.includes('pos_embed') ? 0.5 : Math.sqrt(3 / elementCount(shape.slice(1))));
}

let runtime: Runtime;
beforeAll(async () => {
  runtime = await Runtime.start();
});
afterAll(() => runtime.close());

test('logits are PyTorch’s', async () => {
  const weights = new Map(simpleClickNetwork(NARROW).tensors.map(({ name, shape }) => [name, drawn(name, shape)]));
  const { side } = NARROW;
  const graph = new Graph('simple-click');
  const sides = [PICTURES, 3, side, side];
  const picture = graph.input('picture', sides);
  const clickMap = graph.input('clickMap', sides);
  graph.output('logits', simpleClick(graph, new FrozenParameters(graph, weights), NARROW, picture, clickMap));
  const session = await runtime.load(graph.toModel());
  const { logits } = await session.run({
    picture: seeded('picture', sides, 0.5, 0.5),
    clickMap: seeded('clickMap', sides, 0.5, 0.5),
  });
  await session.release();
  const { tensors } = await readSafetensors(join(import.meta.dirname, 'fixtures', 'simple-click.safetensors'));
  const wanted = tensors.get('logits')!;
  const [, rows, columns] = wanted.shape;
  const answers = Array.from(wanted.data as Float32Array);
  const found = answers.map((_, i) => {
    const [y, x] = [Math.floor(i / columns) % rows, i % columns];
    return Number(logits.data[(Math.floor(i / rows / columns) * side + y * STEP) * side + x * STEP]);
  });
  expect(difference(tensor(Float32Array.from(found), wanted.shape), wanted)).toBeLessThan(1e-4);
  // Logits that were all alike would pass by their largest.
  expect(Math.max(...answers) - Math.min(...answers)).toBeGreaterThan(largest(wanted) / 4);
});
