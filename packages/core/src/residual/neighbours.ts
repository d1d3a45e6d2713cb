/** From a picture's descriptors to its residual: choose the neighbours, fetch their tokens, match. */
import type { Runtime } from '@adclick/ortgrad';
import { TOKEN_STRIDE } from '../features/grid.ts';
import type { Bank } from './bank.ts';
import { distances } from './global-similarity.ts';
import type { IndexContent, IndexEntry } from './index-file.ts';
import type { Matcher, MatchResult } from './match.ts';

/** A good picture's place in the ranking. */
export interface Ranked {
  /** Number of the picture among the references. */
  readonly index: number;
  /** Sum of the kept blocks' divergences; 0 for the same picture. */
  readonly distance: number;
}

/** What a residual is computed from. */
export interface Comparison {
  readonly content: Omit<IndexContent, 'calibration'>;
  readonly bank: Bank;
  readonly matcher: Matcher;
  /** Channels that decide what is nearest. */
  readonly matched: number;
}

/** Neighbours, nearest first, and the match against them. */
export interface Compared extends MatchResult {
  readonly neighbours: readonly Ranked[];
}

/**
 * The nearest good pictures of a query, nearest first; equally near ones in their own order.
 * @param histogram block histograms of the query; without them every picture counts as equally near.
 * @param excluded pictures that must not be chosen, such as the query itself.
 */
export async function chooseNeighbours(
  runtime: Runtime,
  { settings, entries, histograms }: Comparison['content'],
  histogram: Float32Array | undefined,
  excluded: (entry: IndexEntry) => boolean,
): Promise<Ranked[]> {
  const all = histogram ? await distances(runtime, [histogram], histograms) : new Float32Array(entries.length);
  return entries
    .map((entry, index) => ({ entry, index, distance: all[index] }))
    .filter(({ entry }) => !excluded(entry))
    .sort((a, b) => a.distance - b.distance || a.index - b.index)
    .slice(0, settings.neighbours)
    .map(({ index, distance }) => ({ index, distance }));
}

/** Residual of tokens (h * w, D) against chosen neighbours. */
export async function compare(
  { content, bank, matcher, matched }: Comparison,
  tokens: Float32Array,
  neighbours: readonly Ranked[],
): Promise<Compared> {
  const { grid, radius } = content.settings;
  const [height, width] = [grid.height / TOKEN_STRIDE, grid.width / TOKEN_STRIDE];
  const references = await Promise.all(neighbours.map(({ index }) => bank.tokens(content.entries[index].shard)));
  const dims = tokens.length / (height * width);
  return { neighbours, ...(await matcher.match(tokens, references, { height, width, dims, matched, radius })) };
}
