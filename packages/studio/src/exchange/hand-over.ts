/** Handing over what is read a part at a time, so that whoever waits hears that it goes on also where nothing is found. */
import type { LabelledImage } from './types.ts';

/** Milliseconds after which images that were read are handed over, so that somebody sees how far it is. */
const HAND_OVER_MS = 50;
/** Run lengths that are handed over at once; more would wait in memory twice. */
const HAND_OVER_RUNS = 1_000_000;

/** Some of the images; there may be none yet. */
export interface Part {
  readonly images: readonly LabelledImage[];
  /** Whether these were the last. */
  readonly done: boolean;
}

export class HandOver {
  private readonly images: AsyncIterator<LabelledImage | undefined>;

  /** @param images with undefined for each that is passed over. @param ms after which a part is handed over as it is. */
  constructor(
    images: AsyncIterable<LabelledImage | undefined>,
    private readonly ms = HAND_OVER_MS,
  ) {
    this.images = images[Symbol.asyncIterator]();
  }

  /** The next part. @throws what reading throws. */
  async next(): Promise<Part> {
    const images: LabelledImage[] = [];
    const until = performance.now() + this.ms;
    let runs = 0;
    do {
      const { done, value } = await this.images.next();
      if (done) return { images, done: true };
      if (!value) continue;
      images.push(value);
      for (const { rle } of value.layers) runs += rle.counts.length;
    } while (performance.now() < until && runs < HAND_OVER_RUNS);
    return { images, done: false };
  }
}
