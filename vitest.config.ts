import { join } from 'node:path';
import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** With a build at hand, what tests start is the built one: commands, and the threads and processes behind the code under test. */
const entries = {
  find: /^.*\/entries\.ts$/,
  replacement: join(import.meta.dirname, 'packages/studio/test/built-entries.ts'),
};

/** Files that run for half a minute and more, the longest first. */
const LONGEST = [
  'studio/test/cases/pictures',
  'studio/test/bad-input',
  'studio/test/cases/labels',
  'studio/test/cases/portable',
  'annotator/test/labelling',
  'studio/test/attack/kills',
  'studio/test/attack/killed-training',
  'studio/test/attack/sigterm',
];

/** Begins with the longest files: begun last, one would run alone for as long as it takes. */
class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification) => {
      const place = LONGEST.findIndex((name) => moduleId.endsWith(`/${name}.test.ts`));
      return place === -1 ? LONGEST.length : place;
    };
    return (await super.sort(files)).sort((one, other) => rank(one) - rank(other));
  }
}

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
    sequence: { sequencer: LongestFirst },
  },
});
