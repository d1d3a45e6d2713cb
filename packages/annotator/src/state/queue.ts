/** The queue: pages of it are loaded where the list is looked at, and lines change in place so that nothing jumps while one works. */
import type { ImageSummary } from 'adclick/api';
import type { Api } from '../api/client.ts';
import type { AppState, Store } from './store.ts';

/** Lines a request. */
export const PAGE = 100;

/** Lines that are looked through for one without a label; beyond them the server is asked. */
const NEAR = 300;

/** A line and its place, where that is known. */
export interface Found {
  readonly place: number | null;
  readonly line: ImageSummary;
}

export class Queue {
  private readonly loading = new Map<number, Promise<void>>();
  /** Grows with every change of filter or order; answers of older ones are dropped. */
  private round = 0;

  constructor(
    private readonly api: Api,
    private readonly store: Store,
    private readonly failed: (error: unknown) => void,
  ) {}

  /** Starts the list again, for another filter or order. */
  async restart(change: Partial<Pick<AppState, 'filter' | 'order'>> = {}): Promise<void> {
    this.round++;
    this.loading.clear();
    this.store.setState({ ...change, total: null, lines: new Map(), position: null });
    await this.ensure(0);
    this.locate();
  }

  /** Loads the page that holds a place, once. */
  ensure(place: number): Promise<void> {
    const page = Math.floor(place / PAGE);
    const known = this.loading.get(page);
    if (known) return known;
    const load = this.load(page, this.round);
    this.loading.set(page, load);
    return load;
  }

  private async load(page: number, round: number): Promise<void> {
    const { filter, order } = this.store.getState();
    try {
      const answer = await this.api.images({ ...filter, order, offset: page * PAGE, limit: PAGE });
      if (round !== this.round) return;
      const lines = new Map(this.store.getState().lines);
      for (const [i, line] of answer.images.entries()) lines.set(page * PAGE + i, line);
      this.store.setState({ total: answer.total, lines });
    } catch (error) {
      if (round !== this.round) return;
      this.loading.delete(page);
      this.failed(error);
    }
  }

  /** Pages that could not be loaded are asked for again. */
  async retry(): Promise<void> {
    if (this.store.getState().total === null) await this.ensure(0);
  }

  /** The line at a place, loaded when needed; undefined after the end. */
  async lineAt(place: number): Promise<ImageSummary | undefined> {
    if (place < 0) return undefined;
    await this.ensure(place);
    return this.store.getState().lines.get(place);
  }

  /** The neighbour of a place. */
  async following(place: number, step: 1 | -1): Promise<Found | undefined> {
    const line = await this.lineAt(place + step);
    return line ? { place: place + step, line } : undefined;
  }

  /** The next image without a label among the lines after a place, from the start again at the end. @param reach lines looked at. */
  async nextTodo(place: number, reach = NEAR): Promise<Found | undefined> {
    const total = this.store.getState().total ?? 0;
    for (let i = 1; i <= Math.min(total, reach); i++) {
      const at = (place + i) % total;
      const line = await this.lineAt(at);
      if (line?.state === 'todo') return { place: at, line };
    }
    return undefined;
  }

  /** The same, and where there is none nearby the first one that the server knows of. @param but an image that does not count. */
  async anyTodo(place: number, but: number | undefined): Promise<Found | undefined> {
    const near = await this.nextTodo(place);
    if (near && near.line.id !== but) return near;
    const { filter, order, total } = this.store.getState();
    if ((total ?? 0) <= NEAR || (filter.state ?? 'todo') !== 'todo') return undefined;
    const { images } = await this.api.images({ ...filter, state: 'todo', order, limit: 2 });
    const line = images.find(({ id }) => id !== but);
    return line && { place: null, line };
  }

  /** Changes a loaded line. */
  patch(id: number, change: Partial<ImageSummary>): void {
    const { lines } = this.store.getState();
    for (const [place, line] of lines) {
      if (line.id !== id) continue;
      this.store.setState({ lines: new Map(lines).set(place, { ...line, ...change }) });
      return;
    }
  }

  /** Finds the open image's place in the loaded part of the list. */
  locate(): void {
    const { lines, image } = this.store.getState();
    if (!image) return;
    for (const [place, line] of lines)
      if (line.id === image.id) {
        this.store.setState({ position: place });
        return;
      }
  }
}
