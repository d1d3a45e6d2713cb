/** From a picture's descriptors to its residual: choose the neighbours, fetch their tokens, match. */
import type { Runtime } from '@adclick/ortgrad';
import { type Band, bandsOf, widened, within } from '../features/bands.ts';
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

/** Tokens that are matched at once; larger grids are worked off in bands. */
const BAND = 2 * 64 * 64;

/** A band of a match. */
export interface ComparedBand extends MatchResult {
  readonly band: Band;
}

/**
 * Residuals of a picture against chosen neighbours, band after band: of the neighbours no more than the rows within reach is in memory.
 * @param read gives values [from, to) of its tokens.
 */
export async function* compareInBands(
  { content, bank, matcher, matched }: Comparison,
  dims: number,
  read: (from: number, to: number) => Promise<Float32Array>,
  neighbours: readonly Ranked[],
): AsyncGenerator<ComparedBand> {
  const { grid, radius } = content.settings;
  const [height, width] = [grid.height / TOKEN_STRIDE, grid.width / TOKEN_STRIDE];
  const row = width * dims;
  for (const band of bandsOf({ height, width }, BAND)) {
    const seen = widened(band, Math.floor(radius), height);
    const parts = neighbours.map(({ index }) =>
      bank.part(content.entries[index].shard, seen.from * row, seen.to * row),
    );
    const references = await Promise.all(parts);
    const tokens = await read(band.from * row, band.to * row);
    const asked = within(band, seen);
    const shape = { height: seen.to - seen.from, width, dims, matched, radius, asked };
    yield { band, ...(await matcher.match(tokens, references, shape)) };
  }
}

/** Residual of tokens (h * w, D) against chosen neighbours, (h * w, D). */
export async function compare(
  comparison: Comparison,
  tokens: Float32Array,
  dims: number,
  neighbours: readonly Ranked[],
): Promise<Float32Array> {
  const read = async (from: number, to: number) => tokens.subarray(from, to);
  const delta = new Float32Array(tokens.length);
  let at = 0;
  for await (const part of compareInBands(comparison, dims, read, neighbours)) {
    // One band is all of it.
    if (part.delta.length === tokens.length) return part.delta;
    delta.set(part.delta, at);
    at += part.delta.length;
  }
  return delta;
}
