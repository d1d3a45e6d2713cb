/**
 * `npm test`: types, lint, tests, build, and the packages as a user gets them: packed, installed into an empty folder, run, imported.
 * Stops at the first step that fails. The last line counts vitest's tests and the steps.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..');
const work = mkdtempSync(join(tmpdir(), 'adclick-test-'));
const tarballs = join(work, 'tarballs');
const consumer = join(work, 'consumer');
const vitestReport = join(work, 'vitest.json');

const data = join(root, '..', 'shared', 'data');
const environment: NodeJS.ProcessEnv = { ...process.env, NO_COLOR: '1', npm_config_loglevel: 'error' };
delete environment.FORCE_COLOR;
if (!environment.ADCLICK_DATA && existsSync(data)) environment.ADCLICK_DATA = data;

let passed = 0;
let failed = 0;

const onWindows = process.platform === 'win32';
const bin = (name: string) => join(root, 'node_modules', '.bin', onWindows ? `${name}.cmd` : name);
const npm = onWindows ? 'npm.cmd' : 'npm';
const npx = onWindows ? 'npx.cmd' : 'npx';

interface RunOptions {
  readonly cwd?: string;
  /** Shows the output as it comes instead of collecting it. */
  readonly live?: boolean;
}

/** Runs a program; throws with the end of its output when it fails. @returns its stdout. */
function execute(command: string, args: readonly string[], { cwd = root, live = false }: RunOptions = {}): string {
  const stdio = live ? (['ignore', 'inherit', 'inherit'] as const) : (['ignore', 'pipe', 'pipe'] as const);
  const { status, error, stdout, stderr } = spawnSync(command, args, {
    cwd,
    env: environment,
    stdio: [...stdio],
    encoding: 'utf8',
    shell: onWindows,
    maxBuffer: 2 ** 28,
  });
  if (error) throw error;
  if (status !== 0) {
    const said = `${stdout ?? ''}${stderr ?? ''}`.split('\n').slice(-60).join('\n');
    throw new Error(`${command} ${args.join(' ')} ended with ${status}\n${said}`);
  }
  return stdout ?? '';
}

/** Runs one step and prints how it went; a failing one ends the run. */
function step(name: string, body: () => void): void {
  const started = Date.now();
  try {
    body();
  } catch (error) {
    failed++;
    process.stdout.write(`✗ ${name}\n${error instanceof Error ? error.message : String(error)}\n`);
    finish();
  }
  passed++;
  process.stdout.write(`✓ ${name} (${((Date.now() - started) / 1000).toFixed(1)} s)\n`);
}

function finish(): never {
  rmSync(work, { recursive: true, force: true });
  process.stdout.write(`${passed} passed, ${failed} failed\n`);
  process.exit(failed === 0 ? 0 : 1);
}

function runTests(): void {
  try {
    const reporters = ['--reporter=dot', '--reporter=json', `--outputFile.json=${vitestReport}`];
    execute(bin('vitest'), ['run', ...reporters], { live: true });
  } finally {
    if (existsSync(vitestReport)) {
      const report = JSON.parse(readFileSync(vitestReport, 'utf8')) as Record<string, number>;
      passed += report.numPassedTests ?? 0;
      failed += report.numFailedTests ?? 0;
      const skipped = report.numPendingTests ?? 0;
      if (skipped > 0) process.stdout.write(`${skipped} tests were skipped; they say why above\n`);
    }
  }
}

const packed = () => readdirSync(tarballs).map((name) => join(tarballs, name));

function expect(condition: boolean, what: string): void {
  if (!condition) throw new Error(what);
}

/** Answers that the installed command gives in the empty folder. */
function checkCommand(): void {
  const adclick = (...args: string[]) => execute(npx, ['--no-install', 'adclick', ...args], { cwd: consumer });
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
  expect(adclick('--version').trim() === version, 'adclick --version is not the version of package.json');
  const doctor = JSON.parse(adclick('doctor', '--json')) as { ok: boolean; problems: string[] };
  expect(doctor.ok, `doctor finds problems: ${doctor.problems.join('; ')}`);
  const models = JSON.parse(adclick('models', 'verify', '--json')) as { ok: boolean };
  expect(models.ok, 'the shipped model files differ from their checksums');
}

const LABEL_SCRIPT = `
import { Labeler, makeProduct, Random, ReferenceIndex } from '@adclick/core';
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
import { openProject, type Project } from 'adclick';
export const clicks: Click[] = [{ x: 1, y: 2, positive: true }];
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

step('types', () => execute(npm, ['run', 'typecheck']));
step('lint', () => execute(bin('biome'), ['check', '.']));
step('tests', runTests);
step('build', () => execute(npm, ['run', 'build']));
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
  const quiet = ['--ignore-scripts', '--prefer-offline', '--no-audit', '--no-fund'];
  execute(npm, ['install', ...quiet, ...packed()], { cwd: consumer });
});
step('run the installed command', checkCommand);
step('label with the installed library', () => {
  writeFileSync(join(consumer, 'label.js'), LABEL_SCRIPT);
  execute(process.execPath, ['label.js'], { cwd: consumer });
});
step('import the installed packages', checkTypes);
finish();
