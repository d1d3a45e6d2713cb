/** The thread that reads files of others: whatever they make it do, it does it here, and is ended when that takes too long. */
import { parentWire, serveCalls, threadData } from '@adclick/ortgrad';
import { HandOver } from './hand-over.ts';
import type { ReadingCalls, ReadingStart } from './reading-calls.ts';
import { openSource } from './source.ts';
import { SourceReader } from './survey.ts';

const { path, limits } = threadData() as ReadingStart;
let opened: Promise<SourceReader> | undefined;
let parts: HandOver | undefined;

const reader = () => {
  opened ??= openSource(path).then((source) => new SourceReader(source, limits));
  return opened;
};

serveCalls<ReadingCalls>(parentWire(), {
  survey: async ({ pictures, how }, { progress }) => (await reader()).survey(pictures, how, { onProgress: progress }),
  next: async () => {
    parts ??= new HandOver((await reader()).secondLook());
    return parts.next();
  },
});
