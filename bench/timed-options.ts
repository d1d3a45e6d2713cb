/** What every script that times something can be told. */
export const TIMED = {
  json: { type: 'boolean', default: false },
  'no-yardsticks': { type: 'boolean', default: false },
  /** A few of everything, to see that it runs; its figures mean little and are not written down. */
  quick: { type: 'boolean', default: false },
  /** Seconds that all waiting for a quiet machine may take together. */
  wait: { type: 'string', default: '300' },
  /** Leaves docs/results.md as it is. */
  'no-write': { type: 'boolean', default: false },
} as const;
