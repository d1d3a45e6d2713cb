/** Started as a process of its own by `adclick reproduce --jobs N`: makes one cell, tells how far it is, and ends. */
import { parentWire, serveCalls } from '@adclick/ortgrad';
import { endAtOnce, onEnd, PATIENCE_MS } from '../../process-end.ts';
import type { CellCalls } from './apart.ts';
import { makeCell } from './making.ts';

const ending = new AbortController();
/** Stops at the next safe point; native code in another thread cannot be left in any other way. */
const stop = () => {
  ending.abort(new Error('cancelled'));
  setTimeout(() => endAtOnce('SIGTERM'), PATIENCE_MS).unref();
};
// A terminal sends Ctrl-C to whoever started this process too, which then says what is to be done.
onEnd((signal) => {
  if (signal === 'SIGTERM') stop();
});

serveCalls<CellCalls>(
  parentWire(),
  {
    make: async ({ cell, bench }, { signal, progress }) => {
      const wanted = AbortSignal.any([signal, ending.signal]);
      await makeCell(cell, bench, { report: (share, detail) => progress({ share, detail }), signal: wanted });
      return null;
    },
  },
  // Asked to, or since whoever wanted the cell is gone.
  { onClose: stop },
);
