/**
 * `npm run models:average -- --weights FILE --weights FILE [--weights FILE …] --to FILE`: the mean of click weights that were trained
 * from one another ("model soup"), with the card of the last and the odds of the first.
 */
import { parseArgs } from 'node:util';
import { type Tensor, tensor } from '@adclick/ortgrad';
import { loadClickWeights, saveClickWeights } from '../packages/core/src/networks/click-weights.ts';

const { values } = parseArgs({
  options: { weights: { type: 'string', multiple: true, default: [] }, to: { type: 'string', default: '' } },
});
if (values.weights.length < 2 || values.to === '') {
  console.error('Name at least two --weights, and the file --to write.');
  process.exit(2);
}

const all = await Promise.all(values.weights.map(loadClickWeights));
const [first] = all;
const last = all.at(-1);
const mean = new Map<string, Tensor>();
for (const [name, { shape, data }] of last!.tensors) {
  const parts = all.map(({ tensors }) => tensors.get(name)?.data as Float32Array | undefined);
  const missing = parts.findIndex((part) => part?.length !== data.length);
  if (missing >= 0) {
    console.error(`${values.weights[missing]} has no ${name} of shape ${shape}.`);
    process.exit(1);
  }
  const sum = Float32Array.from(
    { length: data.length },
    (_, i) => parts.reduce((total, part) => total + part![i], 0) / parts.length,
  );
  mean.set(name, tensor(sum, shape));
}
await saveClickWeights(values.to, mean, { ...last!.card, odds: first.card.odds });
console.log(`${values.to}: the mean of ${all.length} weights`);
