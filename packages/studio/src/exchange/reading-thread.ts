/** The thread that reads files of others: whatever they make it do, it does it here, and is ended when that takes too long. */
import { parentWire, serveCalls, threadData } from '@adclick/ortgrad';
import type { ReadingCalls, ReadingStart } from './reading-calls.ts';
import { openSource } from './source.ts';
import { SourceReader } from './survey.ts';
import type { LabelledImage } from './types.ts';

/** Milliseconds after which images that were read are handed over, so that somebody sees how far it is. */
const HAND_OVER_MS = 50;
/** Run lengths that are handed over at once; more would wait in memory twice. */
const HAND_OVER_RUNS = 1_000_000;

const { path, limits } = threadData() as ReadingStart;
let opened: Promise<SourceReader> | undefined;
let images: AsyncIterator<LabelledImage> | undefined;

const reader = () => {
  opened ??= openSource(path).then((source) => new SourceReader(source, limits));
  return opened;
};

serveCalls<ReadingCalls>(parentWire(), {
  survey: async ({ pictures, how }, { progress }) => (await reader()).survey(pictures, how, { onProgress: progress }),
  next: async () => {
    images ??= (await reader()).matched()[Symbol.asyncIterator]();
    const read: LabelledImage[] = [];
    const until = performance.now() + HAND_OVER_MS;
    let runs = 0;
    do {
      const { done, value } = await images.next();
      if (done) break;
      read.push(value);
      for (const { rle } of value.layers) runs += rle.counts.length;
    } while (performance.now() < until && runs < HAND_OVER_RUNS);
    return read;
  },
});
