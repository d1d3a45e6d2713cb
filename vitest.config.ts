import { defineConfig } from 'vitest/config';

export default defineConfig({
  resolve: { conditions: ['@adclick/source'] },
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
