/** Loads what the canvas needs of an image, ahead for the next ones, and keeps the last few. */
import type { ImageDetail, Proposal } from 'adclick/api';
import type { Api } from '../api/client.ts';

export interface Loaded {
  readonly detail: ImageDetail;
  readonly picture: ImageBitmap;
  readonly proposal: Proposal | null;
}

/** Images kept ready; a 12-megapixel picture takes 48 MB. */
const KEPT = 5;

/** Pixels up to which an image is loaded ahead of its turn. */
const AHEAD_PIXELS = 40e6;

export class Loader {
  private readonly cache = new Map<number, Promise<Loaded>>();

  constructor(
    private readonly api: Api,
    private readonly decode: (blob: Blob) => Promise<ImageBitmap>,
  ) {}

  /** An image with its picture; what was loaded ahead comes at once. */
  get(id: number): Promise<Loaded> {
    const known = this.cache.get(id);
    if (known) {
      // Moves to the young end.
      this.cache.delete(id);
      this.cache.set(id, known);
      return known;
    }
    const loading = this.load(id);
    this.cache.set(id, loading);
    loading.catch(() => this.cache.delete(id));
    this.trim();
    return loading;
  }

  /** Loads images that are likely next, one after the other. */
  async ahead(images: readonly { readonly id: number; readonly width: number; readonly height: number }[]) {
    for (const { id, width, height } of images) {
      if (width * height > AHEAD_PIXELS || this.cache.has(id)) continue;
      await this.get(id).catch(() => undefined);
    }
  }

  /** Something about the image has changed. */
  update(id: number, change: Partial<Loaded>): void {
    const known = this.cache.get(id);
    if (!known) return;
    const next = known.then((loaded) => ({ ...loaded, ...change }));
    this.cache.set(id, next);
    next.catch(() => this.cache.delete(id));
  }

  /** Every proposal is out of date. */
  forgetProposals(): void {
    for (const id of this.cache.keys()) this.update(id, { proposal: null });
  }

  /** What is loaded ahead is out of date. */
  forget(id: number): void {
    this.cache.delete(id);
  }

  private async load(id: number): Promise<Loaded> {
    const [detail, picture, proposal] = await Promise.all([
      this.api.image(id),
      this.api.picture(id).then(this.decode),
      // Without a proposal the image can be labelled all the same.
      this.api.proposal(id).catch(() => null),
    ]);
    return { detail, picture, proposal: proposal?.ready ? proposal : null };
  }

  private trim(): void {
    for (const id of this.cache.keys()) {
      if (this.cache.size <= KEPT) return;
      this.cache.delete(id);
    }
  }
}
