/** From a picture's descriptors to its residual: choose the neighbours, fetch their tokens, match. */

import { TOKEN_STRIDE } from '../features/grid.ts';
import type { Bank } from './bank.ts';
import type { IndexContent, IndexEntry } from './index-file.ts';
import type { Matcher, MatchResult } from './match.ts';
import { type Ranked, rank } from './retrieval.ts';

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
 * The nearest good pictures of a query.
 * @param histogram block histograms of the query; without one every picture counts as equally near.
 */
export function chooseNeighbours(
  { settings, entries, histograms }: Comparison['content'],
  histogram: Float32Array | undefined,
  excluded: (entry: IndexEntry) => boolean,
): Ranked[] {
  const out = (index: number) => excluded(entries[index]);
  if (histogram) return rank(histogram, histograms, settings.neighbours, out);
  const rest = entries.map((_, index) => ({ index, distance: 0 })).filter(({ index }) => !out(index));
  return rest.slice(0, settings.neighbours);
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
