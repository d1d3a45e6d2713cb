/** BERT's encoder beside transformers, narrow, by the way that importing takes. Answers: bench/reference/bert.py. */
import { join } from 'node:path';
import { FrozenParameters, Graph, Runtime, readSafetensors, type Tensor, tensor, toFloat32 } from '@adclick/ortgrad';
import { expect, test } from 'vitest';
import { bertEncoder } from '../../src/checkpoints/bert-names.ts';
import { type BertShape, bert } from '../../src/language/bert.ts';
import { TOKENS } from '../../src/language/tokenizer.ts';
import { difference } from './difference.ts';
import { drawnWeights } from './drawn-weights.ts';
import { seeded } from './seeded.ts';

/** As bench/reference/bert.py has it. */
const NARROW: BertShape = { layers: 2, dims: 32, heads: 4, inner: 128, vocabulary: 50, places: 24 };
const LENGTHS = [20, 7, 2];

test('the last hidden state equals PyTorch, at padded positions too', async () => {
  const shape = [LENGTHS.length, TOKENS];
  const graph = new Graph('bert');
  const [ids, valid] = [graph.input('ids', shape, 'int64'), graph.input('valid', shape)];
  graph.output(
    'hidden',
    bert(new FrozenParameters(graph, drawnWeights(bertEncoder('bert-base-uncased', NARROW))), ids, valid, NARROW),
  );
  const runtime = await Runtime.start();
  const session = await runtime.load(graph.toModel());
  const pieces = Array.from(toFloat32(seeded('ids', shape, 0.5, 0.5)), (share) => Math.floor(share * 50));
  const { hidden } = await session.run({
    ids: tensor(BigInt64Array.from(pieces, BigInt), shape),
    valid: tensor(
      Float32Array.from(pieces, (_, i) => Number(i % TOKENS < LENGTHS[Math.floor(i / TOKENS)])),
      shape,
    ),
  });
  await runtime.close();
  const { tensors } = await readSafetensors(join(import.meta.dirname, 'fixtures/bert.safetensors'));
  expect(difference(hidden, tensors.get('hidden') as Tensor)).toBeLessThan(1e-4);
});
