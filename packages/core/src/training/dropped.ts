/** What training of the published networks leaves out at random: branches of Swin blocks, and channels of the head. */
import { type Tensor, tensor } from '@adclick/ortgrad';
import type { PublishedSettings } from '../networks/published-adclick.ts';
import type { Random } from '../random.ts';
import { PUBLISHED_DROPS } from './published.ts';

/** 0 with the given chance, else what keeps the mean. */
const factor = (random: Random, chance: number): number => (random.chance(chance) ? 0 : 1 / (1 - chance));

/** `paths` (B, 2·depth): the two branches of each block, left out the more often the deeper it lies. */
export function droppedPaths(random: Random, batch: number, { depth }: PublishedSettings): Tensor {
  const chance = (branch: number) => (PUBLISHED_DROPS.path * Math.floor(branch / 2)) / Math.max(depth - 1, 1);
  const paths = Float32Array.from({ length: batch * 2 * depth }, (_, i) => factor(random, chance(i % (2 * depth))));
  return tensor(paths, [batch, 2 * depth]);
}

/** `channels` (B, F) of the head. */
export function droppedChannels(random: Random, batch: number, { head }: PublishedSettings): Tensor {
  const channels = Float32Array.from({ length: batch * head }, () => factor(random, PUBLISHED_DROPS.channels));
  return tensor(channels, [batch, head]);
}
