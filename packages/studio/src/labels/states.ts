/** States of images that this process remembers. Another may have written since: whatever builds on one is checked against the database. */
import type { LabelState } from '../history/history.ts';
import type { LabelRepository, Reached } from '../store/labels.ts';

/** States kept in memory. */
const CACHED = 256;

export class States {
  private readonly cache = new Map<number, LabelState>();

  constructor(
    private readonly labels: LabelRepository,
    /** Of an image without history. */
    private readonly threshold: number,
  ) {}

  /** What is remembered of an image, if anything. */
  known(id: number): LabelState | undefined {
    return this.cache.get(id);
  }

  /** What is remembered of an image, or else what is stored. */
  remembered(id: number): LabelState | Promise<LabelState> {
    return this.cache.get(id) ?? this.load(id);
  }

  /** The state that is stored. @param reached how far that goes, where it was read just now. */
  async stored(id: number, reached?: Reached): Promise<LabelState> {
    const known = this.cache.get(id);
    if (!known) return this.load(id);
    const now = reached ?? (await this.labels.reached(id));
    const { version, completed } = known;
    if (version === now.version && completed === now.completed) return known;
    // This process may have gone on while what is stored was read.
    if (version > now.version || completed > now.completed) return this.load(id);
    return this.keep(id, await this.labels.advance(id, known, now));
  }

  /** Remembers a state, unless a later one became known while it was read. @returns the one that is remembered. */
  keep(id: number, state: LabelState): LabelState {
    const known = this.cache.get(id);
    if (known && (known.version > state.version || known.completed > state.completed)) return known;
    this.cache.delete(id);
    this.cache.set(id, state);
    const [oldest] = this.cache.keys();
    if (this.cache.size > CACHED && oldest !== undefined) this.cache.delete(oldest);
    return state;
  }

  forget(id: number): void {
    this.cache.delete(id);
  }

  private async load(id: number): Promise<LabelState> {
    return this.keep(id, await this.labels.load(id, this.threshold));
  }
}
