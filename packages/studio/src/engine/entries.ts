/** Files that are started as threads and processes of their own, from TypeScript source and from the bundle alike. */

/**
 * Where each entry's source lies, seen from this file: in its room, or above the rooms where it puts several together. In the bundle all lie
 * side by side under their names.
 */
const ENTRIES = {
  'engine-worker': '../engine-worker.ts',
  'training-process': '../training-process.ts',
  'reading-thread': '../exchange/reading-thread.ts',
  'provider-probe': '../workbench/provider-probe.ts',
  'cell-process': '../workbench/reproduce/cell-process.ts',
} as const;

export type Entry = keyof typeof ENTRIES;

/** What to start. @see startThread and startProcess of ortgrad. */
export const entryUrl = (name: Entry): URL =>
  new URL(import.meta.url.endsWith('.ts') ? ENTRIES[name] : `./${name}.js`, import.meta.url);
