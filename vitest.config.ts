import { join } from 'node:path';
import { defineConfig } from 'vitest/config';

/** With a build at hand, what tests start is the built one: commands, and the threads and processes behind the code under test. */
const entries = {
  find: /^.*\/entries\.ts$/,
  replacement: join(import.meta.dirname, 'packages/studio/test/built-entries.ts'),
};

export default defineConfig({
  resolve: { conditions: ['@adclick/source'], alias: process.env.ADCLICK_CLI ? [entries] : [] },
  ssr: { resolve: { conditions: ['@adclick/source', 'node'] } },
  test: {
    include: ['packages/*/src/**/*.test.ts', 'packages/*/test/**/*.test.ts', 'scripts/*.test.ts'],
    globalSetup: ['packages/annotator/test/setup.ts'],
    testTimeout: 120_000,
    hookTimeout: 120_000,
    pool: 'forks',
    maxWorkers: 2,
  },
});
