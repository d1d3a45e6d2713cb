/**
 * `npm run models:narrow -- --weights FILE --channels N --to FILE`: click weights with fewer channels in the convolutions that draw
 * edges, to be trained on. Kept are the channels that carry most: by the norm of what makes each times that of what reads it.
 */
import { parseArgs } from 'node:util';
import { type Tensor, tensor } from '@adclick/ortgrad';
import { loadOwnWeights, saveClickWeights } from '../packages/core/src/networks/click-weights.ts';

const { values } = parseArgs({
  options: {
    weights: { type: 'string', default: '' },
    channels: { type: 'string', default: '16' },
    to: { type: 'string', default: '' },
  },
});
if (values.weights === '' || values.to === '') {
  console.error('Name the --weights, and the file --to write.');
  process.exit(2);
}
const { card, tensors, settings } = await loadOwnWeights(values.weights);
const count = Number(values.channels);
if (!(count >= 1 && count < settings.edge)) {
  console.error(`--channels must be from 1 to ${settings.edge - 1}: these weights have ${settings.edge}.`);
  process.exit(2);
}

const weights = new Map(tensors);
const dataOf = (name: string) => weights.get(name)?.data as Float32Array;

/** Norm of the values whose place along an axis of a weight is `at`. */
function norm(name: string, axis: number, at: number): number {
  const { shape } = weights.get(name) as Tensor;
  const inner = shape.slice(axis + 1).reduce((product, side) => product * side, 1);
  let sum = 0;
  for (const [i, value] of dataOf(name).entries()) if (Math.floor(i / inner) % shape[axis] === at) sum += value * value;
  return Math.sqrt(sum);
}

/** The channels that score highest, in their order. */
const kept = (score: (channel: number) => number): number[] =>
  Array.from({ length: settings.edge }, (_, channel) => ({ channel, score: score(channel) }))
    .sort((a, b) => b.score - a.score)
    .slice(0, count)
    .map(({ channel }) => channel)
    .sort((a, b) => a - b);

/** Leaves these places along an axis of a tensor. */
function leave(name: string, axis: number, places: readonly number[]): void {
  const { shape } = weights.get(name) as Tensor;
  const inner = shape.slice(axis + 1).reduce((product, side) => product * side, 1);
  const data = dataOf(name).filter((_, i) => places.includes(Math.floor(i / inner) % shape[axis]));
  weights.set(name, tensor(data, shape.with(axis, places.length)));
}

const made = (conv: string) => (channel: number) =>
  norm(`${conv}.weight`, 0, channel) + norm(`${conv}.bias`, 0, channel);
const readBy = (conv: string, channel: number) => norm(`${conv}.weight`, 1, channel);
const seen = kept((channel) => made('edge.seen')(channel) * readBy('edge.mixed', channel));
const mixed = kept(
  (channel) => (made('edge.mixed')(channel) + norm('edge.context.weight', 1, channel)) * readBy('edge.drawn', channel),
);
const drawn = kept((channel) => made('edge.drawn')(channel) * readBy('edge.logit', channel));

for (const [conv, channels] of [
  ['edge.seen', seen],
  ['edge.mixed', mixed],
  ['edge.drawn', drawn],
] as const)
  for (const part of ['weight', 'bias']) leave(`${conv}.${part}`, 0, channels);
leave('edge.mixed.weight', 1, seen);
leave('edge.context.weight', 1, mixed);
leave('edge.context.bias', 0, mixed);
leave('edge.drawn.weight', 1, mixed);
leave('edge.logit.weight', 1, drawn);
await saveClickWeights(values.to, weights, { ...card, odds: undefined });
console.log(`${values.to}: ${count} of ${settings.edge} channels`);
