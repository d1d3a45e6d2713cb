/**
 * `npm test`: types, lint, licences, build, tests (whose commands are the built ones), the packages as a user gets them: packed, installed into an empty folder, run, imported;
 * and what depends on the version of Node.js on every other one. Stops at the first step that fails.
 * The last line counts vitest's tests and the steps.
 */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { checkFootprint } from './footprint.ts';
import { refusedInPage, refusedLicences } from './licences.ts';
import { testNodes } from './nodes.ts';
import { bin, execute, expect, finish, npm, npx, type Output, root, runTests, step, work } from './steps.ts';

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
function checkCommand(): void {
  const adclick = (...args: string[]) => execute(npx, ['--no-install', 'adclick', ...args], { cwd: consumer }).stdout;
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
  expect(adclick('--version').trim() === version, 'adclick --version is not the version of package.json');
  const doctor = JSON.parse(adclick('doctor', '--json')) as { ok: boolean; problems: string[] };
  expect(doctor.ok, `doctor finds problems: ${doctor.problems.join('; ')}`);
  const models = JSON.parse(adclick('models', 'verify', '--json')) as { ok: boolean };
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

function checkTypes(): void {
  writeFileSync(join(consumer, 'consumer.ts'), CONSUMER);
  for (const [moduleResolution, module] of [
    ['nodenext', 'nodenext'],
    ['bundler', 'esnext'],
  ] as const) {
    const options = ['--moduleResolution', moduleResolution, '--module', module, '--target', 'es2022', '--strict'];
    const types = ['--types', 'node', '--typeRoots', join(root, 'node_modules', '@types')];
    execute(bin('tsc'), ['--noEmit', '--ignoreConfig', ...options, ...types, 'consumer.ts'], { cwd: consumer });
  }
}

step('npm ci without a warning', () => expectSilence(execute(npm, ['ci', '--dry-run', '--loglevel=warn'])));
step('types', () => execute(npm, ['run', 'typecheck']));
step('lint', () => execute(bin('biome'), ['check', '.']));
step('licences', () => checkLicences(refusedLicences(join(root, 'package-lock.json'))));
step('build', () => execute(npm, ['run', 'build']));
step('tests', () => runTests([], { env: { ADCLICK_CLI: join(root, 'packages/studio/dist/cli.js') } }));
step('licences of the page', () => checkLicences(refusedInPage(join(root, 'packages/studio/page/licences.json'))));
step('offline', () => void execute(process.execPath, ['--import', 'tsx', 'scripts/offline.ts'], { live: true }));
step('pack', () => {
  mkdirSync(tarballs);
  const published = ['ortgrad', 'core', 'studio'].flatMap((name) => ['--workspace', `packages/${name}`]);
  execute(npm, ['pack', ...published, '--pack-destination', tarballs]);
  expect(packed().length === 3, `expected three tarballs, got ${packed().join(', ')}`);
});
step('publint', () => {
  for (const tarball of packed()) execute(bin('publint'), ['run', tarball, '--strict']);
});
step('types of the packages', () => {
  for (const tarball of packed()) execute(bin('attw'), [tarball, '--profile', 'esm-only']);
});
step('install the packages into an empty folder', () => {
  mkdirSync(consumer);
  writeFileSync(join(consumer, 'package.json'), JSON.stringify({ name: 'consumer', private: true, type: 'module' }));
  const quiet = ['--ignore-scripts', '--prefer-offline', '--no-audit', '--no-fund', '--loglevel=warn'];
  expectSilence(execute(npm, ['install', ...quiet, ...packed()], { cwd: consumer }));
});
// Other versions than in the lock file of the repository may have come.
step('licences of what was installed', () => checkLicences(refusedLicences(join(consumer, 'package-lock.json'))));
step('size of what was installed', () => checkFootprint(consumer));
step('run the installed command', checkCommand);
step('label with the installed library', () => {
  writeFileSync(join(consumer, 'label.js'), LABEL_SCRIPT);
  execute(process.execPath, ['label.js'], { cwd: consumer });
});
step('import the installed packages', checkTypes);
testNodes(consumer);
finish();
