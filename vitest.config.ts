import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { defineConfig, type Plugin } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** Sources that start threads and processes from where they lie themselves, and where each lies in the build. */
const STARTING = {
  'ortgrad/src/session.ts': 'ortgrad/dist/index.js',
  'core/src/training/block-store.ts': 'core/dist/training.js',
  'studio/src/engine/entries.ts': 'studio/dist/index.js',
};

/**
 * With a build at hand, what tests start is the built one: commands, and the threads and processes behind the code under test. A thread of
 * onnxruntime takes 0.06 s of a core then; from source, where types are stripped on the way in, 0.34 s.
 */
const startBuilt: Plugin = {
  name: 'start-built',
  enforce: 'pre',
  transform(code, id) {
    const [, built] = Object.entries(STARTING).find(([source]) => id.endsWith(`/packages/${source}`)) ?? [];
    if (built === undefined) return;
    const url = pathToFileURL(join(import.meta.dirname, 'packages', built)).href;
    return { code: code.replaceAll('import.meta.url', JSON.stringify(url)), map: null };
  },
};

/**
 * Files that share a process with others, which saves each the start of one and the loading of its packages: calculations, formats and small
 * projects. Who mocks or changes what a process has once is not among them.
 */
const SHARING = [
  'packages/ortgrad/src/ops/*.test.ts',
  'packages/core/src/{clicks,datasets,evaluation,features,image,language,synthesis}/**/*.test.ts',
  'packages/studio/src/{exchange,history,jobs,project,queue,store,workbench}/!(target|lease).test.ts',
];

/** Files that run for half a minute and more, the longest first. */
const LONGEST = [
  'studio/test/cases/pictures',
  'studio/test/bad-input',
  'studio/test/cases/labels',
  'studio/test/cases/portable',
  'annotator/test/labelling',
  'studio/test/attack/kills',
  'studio/test/attack/killed-training',
  'studio/test/attack/reproduced',
  'studio/test/attack/sigterm',
];

/** Begins with the longest files: begun last, one would run alone for as long as it takes. Those that share a process end it, side by side. */
class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId, project }: TestSpecification) => {
      const place = LONGEST.findIndex((name) => moduleId.endsWith(`/${name}.test.ts`));
      return place === -1 ? LONGEST.length + Number(!project.config.isolate) : place;
    };
    return (await super.sort(files)).sort((one, other) => rank(one) - rank(other));
  }
}

export default defineConfig({
  plugins: process.env.ADCLICK_CLI ? [startBuilt] : [],
  resolve: { conditions: ['@adclick/source'] },
  ssr: { resolve: { conditions: ['@adclick/source', 'node'] } },
  test: {
    testTimeout: 120_000,
    hookTimeout: 120_000,
    pool: 'forks',
    maxWorkers: 2,
    sequence: { sequencer: LongestFirst },
    projects: [
      { extends: true, test: { name: 'sharing', include: SHARING, isolate: false } },
      {
        extends: true,
        test: {
          name: 'apart',
          include: ['packages/*/src/**/*.test.ts', 'packages/*/test/**/*.test.ts', 'scripts/*.test.ts'],
          exclude: SHARING,
          globalSetup: ['packages/annotator/test/setup.ts'],
        },
      },
    ],
  },
});
