/** Makes one cell, whatever its kind, unless somebody else has made it or is making it. */
import { whileMakingCell } from '../../project/leases.ts';
import type { Bench, Making, Report } from './bench.ts';
import { type Cell, nameOf } from './cells.ts';
import { makeDetection, makeDetector, makeMaps } from './detection.ts';
import { makeClicks, makeLabels } from './labels.ts';
import { CellStore } from './store.ts';
import { makePretrained, makeTuned } from './weights.ts';

/** Computes a cell: files go to its folder, the answer beside them. */
function compute(cell: Cell, making: Making): Promise<object> {
  switch (cell.kind) {
    case 'pretrain':
      return makePretrained(cell, making);
    case 'tune':
      return makeTuned(cell, making);
    case 'clicks':
      return makeClicks(cell, making);
    case 'labels':
      return makeLabels(cell, making);
    case 'detector':
      return makeDetector(cell, making);
    case 'detection':
      return makeDetection(cell, making);
    case 'maps':
      return makeMaps(cell, making);
  }
}

/**
 * Makes a cell under its lease; one that is there already is left as it is.
 * @throws ADC_IN_USE at once while another process makes it, ADC_LEASE_LOST when one has taken it over, what computing throws, ADC_DISK,
 *   the signal's reason.
 */
export async function makeCell(
  cell: Cell,
  bench: Bench,
  { report, signal }: { readonly report: Report; readonly signal: AbortSignal },
): Promise<void> {
  const name = nameOf(cell);
  const store = new CellStore(bench.store);
  await whileMakingCell(store.root, name, { signal }, async (hold) => {
    // Looked at under the lease: whoever had it before may have made the cell.
    if (store.has(name)) return;
    const common = { ...bench, store, kept: store.making(name), report, ...hold };
    await store.publish(name, cell, (folder) => compute(cell, { ...common, folder }), hold.owned);
  });
}
