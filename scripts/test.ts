/**
 * `npm test`: types, lint, licences, build, tests (whose commands are the built ones), the packages as a user gets them: packed, installed into an empty folder, run, imported;
 * and what depends on the version of Node.js on every other one. Stops at the first step that fails.
 * The last line counts vitest's tests and the steps.
 */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { checkFootprint } from './footprint.ts';
import { refusedInPage, refusedLicences } from './licences.ts';
import { installNodes, testInstalled, testSources } from './nodes.ts';
import { bin, execute, expect, finish, npm, npx, type Output, root, runTests, show, step, work } from './steps.ts';

const tarballs = join(work, 'tarballs');
const consumer = join(work, 'consumer');

const checkLicences = (refused: readonly string[]) =>
  expect(refused.length === 0, `not in the list of allowed licences: ${refused.join('; ')}`);

const packed = () => readdirSync(tarballs).map((name) => join(tarballs, name));

/** npm has nothing to say about packages or settings of ours; the user's own settings are their affair. */
function expectSilence({ stderr }: Output): void {
  const said = stderr.split('\n').filter((line) => /EBADENGINE|deprecated|Unknown project config/.test(line));
  expect(said.length === 0, said.join('\n'));
}

/** Answers that the installed command gives in the empty folder. */
async function checkCommand(): Promise<void> {
  const adclick = async (...args: string[]) =>
    (await execute(npx, ['--no-install', 'adclick', ...args], { cwd: consumer })).stdout;
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
  expect((await adclick('--version')).trim() === version, 'adclick --version is not the version of package.json');
  const doctor = JSON.parse(await adclick('doctor', '--json')) as { ok: boolean; problems: string[] };
  expect(doctor.ok, `doctor finds problems: ${doctor.problems.join('; ')}`);
  const models = JSON.parse(await adclick('models', 'verify', '--json')) as { ok: boolean };
  expect(models.ok, 'the shipped model files differ from their checksums');
}

const LABEL_SCRIPT = `
import { Labeler, ReferenceIndex } from '@adclick/core';
import { makeProduct, Random } from '@adclick/core/synthesis';
const product = makeProduct('bottleMouth', 1, { width: 192, height: 192 });
const images = Array.from({ length: 3 }, (_, i) => ({ name: String(i), image: product.good(new Random(i)) }));
const index = await ReferenceIndex.build(images, { pixels: 192 * 192 });
const labeler = await Labeler.load({ index });
const view = await labeler.open(product.good(new Random(9)));
const { probability, width, height } = await view.predict({ clicks: [{ x: 90, y: 90, positive: true }] });
if (probability.length !== width * height || width !== 192) throw new Error('wrong size');
if (!probability.every((value) => value >= 0 && value <= 1)) throw new Error('not a probability');
await labeler.close();
await index.close();
`;

const CONSUMER = `
import { Graph, Runtime } from '@adclick/ortgrad';
import { Labeler, ReferenceIndex, type Click } from '@adclick/core';
import { openDataset } from '@adclick/core/datasets';
import { fail } from '@adclick/core/errors';
import { nextClick } from '@adclick/core/evaluation';
import { writeFileAtomic } from '@adclick/core/files';
import { imagePoint, type ImagePoint, toEdges } from '@adclick/core/geometry';
import { encodePng } from '@adclick/core/image';
import { offlinePrompts } from '@adclick/core/language';
import { modelPath } from '@adclick/core/models';
import { Random } from '@adclick/core/synthesis';
import { trainDetector } from '@adclick/core/training';
import { openProject, type Project } from 'adclick';
export const clicks: Click[] = [{ x: 1, y: 2, positive: true }];
export const entries = [openDataset, fail, nextClick, writeFileAtomic, encodePng, offlinePrompts, modelPath, Random, trainDetector];
// @ts-expect-error places between pixels are not places of pixels
export const place: ImagePoint = toEdges(imagePoint(1, 2));
export const all = { graph: new Graph('g'), Runtime, Labeler, ReferenceIndex, open: (path: string): Promise<Project> => openProject(path) };
`;

async function checkTypes(): Promise<void> {
  writeFileSync(join(consumer, 'consumer.ts'), CONSUMER);
  for (const [moduleResolution, module] of [
    ['nodenext', 'nodenext'],
    ['bundler', 'esnext'],
  ] as const) {
    const options = ['--moduleResolution', moduleResolution, '--module', module, '--target', 'es2022', '--strict'];
    const types = ['--types', 'node', '--typeRoots', join(root, 'node_modules', '@types')];
    await execute(bin('tsc'), ['--noEmit', '--ignoreConfig', ...options, ...types, 'consumer.ts'], { cwd: consumer });
  }
}

/** Types, beside what else can be said of the sources, and the build. */
const checkSources = () =>
  Promise.all([
    step('types', () => execute(npm, ['run', 'typecheck'])),
    (async () => {
      await step('npm ci without a warning', async () =>
        expectSilence(await execute(npm, ['ci', '--dry-run', '--loglevel=warn'])),
      );
      await step('lint', () => execute(bin('biome'), ['check', '.']));
      await step('licences', () => checkLicences(refusedLicences(join(root, 'package-lock.json'))));
      await step('build', () => execute(npm, ['run', 'build']));
    })(),
  ]);

/** Packs the packages, and installs them as a user does. */
async function installPackages(): Promise<void> {
  await step('pack', async () => {
    mkdirSync(tarballs);
    const published = ['ortgrad', 'core', 'studio'].flatMap((name) => ['--workspace', `packages/${name}`]);
    await execute(npm, ['pack', ...published, '--pack-destination', tarballs]);
    expect(packed().length === 3, `expected three tarballs, got ${packed().join(', ')}`);
  });
  await step('publint', async () => {
    for (const tarball of packed()) await execute(bin('publint'), ['run', tarball, '--strict']);
  });
  await step('types of the packages', async () => {
    for (const tarball of packed()) await execute(bin('attw'), [tarball, '--profile', 'esm-only']);
  });
  await step('install the packages into an empty folder', async () => {
    mkdirSync(consumer);
    writeFileSync(join(consumer, 'package.json'), JSON.stringify({ name: 'consumer', private: true, type: 'module' }));
    const quiet = ['--ignore-scripts', '--prefer-offline', '--no-audit', '--no-fund', '--loglevel=warn'];
    expectSilence(await execute(npm, ['install', ...quiet, ...packed()], { cwd: consumer }));
  });
  // Other versions than in the lock file of the repository may have come.
  await step('licences of what was installed', () =>
    checkLicences(refusedLicences(join(consumer, 'package-lock.json'))),
  );
}

/** Uses the installed packages. */
async function checkInstalled(): Promise<void> {
  await step('size of what was installed', () => checkFootprint(consumer));
  await step('run the installed command', checkCommand);
  await step('label with the installed library', () => {
    writeFileSync(join(consumer, 'label.js'), LABEL_SCRIPT);
    return execute(process.execPath, ['label.js'], { cwd: consumer });
  });
  await step('import the installed packages', checkTypes);
}

await checkSources();
await step('tests', () => runTests());
await step('licences of the page', () =>
  checkLicences(refusedInPage(join(root, 'packages/studio/page/licences.json'))),
);
// What has one process at a time runs beside the unit tests of the other versions of Node.js.
const nodes = installNodes();
await Promise.all([
  (async () => {
    await testSources(await nodes);
    await step('offline', async () => show(await execute(process.execPath, ['--import', 'tsx', 'scripts/offline.ts'])));
  })(),
  (async () => {
    await installPackages();
    await checkInstalled();
    await testInstalled(consumer, await nodes);
  })(),
]);
finish();
