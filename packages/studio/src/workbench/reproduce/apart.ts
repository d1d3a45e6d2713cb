/** Making a cell in a process of its own: several run at once, and the memory of each goes with it. */
import { Remote, startProcess } from '@adclick/ortgrad';
import { entryUrl } from '../../engine/entries.ts';
import { fail } from '../../errors.ts';
import { LOG_VARIABLE } from '../../log.ts';
import { PATIENCE_MS } from '../../process-end.ts';
import type { Bench } from './bench.ts';
import type { Cell } from './cells.ts';
import type { MakeOne } from './run.ts';

/** What the process is asked. */
export interface CellCalls {
  make: {
    request: { readonly cell: Cell; readonly bench: Bench };
    answer: null;
    progress: { readonly share: number; readonly detail: string };
  };
}

/** @throws what `makeCell` throws, and ADC_RUNTIME when the process died. */
export const makeApart =
  (bench: Bench): MakeOne =>
  async (cell, { report, signal }) => {
    signal.throwIfAborted();
    const lost = (what: string) => fail('ADC_RUNTIME', { provider: 'the process that makes a result', what });
    // What it writes is heard of when it dies, and then has to be why.
    const env = { ...process.env, [LOG_VARIABLE]: 'silent' };
    const remote = new Remote<CellCalls>(startProcess(entryUrl('cell-process'), { env }), lost);
    const close = () => remote.close({ patience: PATIENCE_MS });
    signal.addEventListener('abort', close, { once: true });
    try {
      await remote.call('make', { cell, bench }, { signal, onProgress: ({ share, detail }) => report(share, detail) });
    } finally {
      signal.removeEventListener('abort', close);
      await close();
    }
  };
