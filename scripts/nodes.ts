/** The part of `npm test` that depends on the version of Node.js, on every release line that ADClick is tested with. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { execute, expect, npm, root, runTests, step, work } from './steps.ts';

/** One of each release line. npm has them as packages, so that nothing else has to be set up. */
const VERSIONS = ['20.19.6', '22.23.5', '24.22.3', '26.12.1'];

/**
 * Tests of what stands on Node.js itself: threads, processes and signals, the native bindings with their memory, the engine's number types and
 * WebAssembly, files. Calculations are the same JavaScript and the same onnxruntime on every version, so that they are tested once; on each,
 * the steps of a training here and the masks of the demo below say that their results are the same. The server and HTTP are tested on each as
 * they are installed, by the round of labelling.
 */
const UNIT_TESTS = [
  ...['session', 'rpc', 'telemetry', 'temporary', 'files', 'safetensors', 'training'].map(
    (name) => `ortgrad/src/${name}`,
  ),
  ...['files', 'image/codec', 'residual/reference-index', 'inference/lanes', 'inference/detector'].map(
    (name) => `core/src/${name}`,
  ),
  'studio/src/store/store',
].map((path) => `packages/${path}.test.ts`);

/** Mean IoU of the demo after 1, 3 and 5 clicks, the same on every version. */
const MIOU = { 1: 0.865, 3: 0.926, 5: 0.937 };
const TOLERANCE = 0.005;

/** Fetches a Node.js. @returns the path of the program. */
async function install(version: string): Promise<string> {
  const folder = join(work, `node-${version}`);
  mkdirSync(folder);
  writeFileSync(join(folder, 'package.json'), '{ "private": true }');
  const name = `node-${process.platform === 'win32' ? 'win' : process.platform}-${process.arch}`;
  const quiet = ['--ignore-scripts', '--prefer-offline', '--no-audit', '--no-fund', '--no-save'];
  await execute(npm, ['install', ...quiet, '--prefix', folder, `${name}@${version}`], { cwd: folder });
  const program = process.platform === 'win32' ? 'node.exe' : 'node';
  const path = join(folder, 'node_modules', name, 'bin', program);
  const got = (await execute(path, ['--version'])).stdout.trim();
  expect(got === `v${version}`, `${name}@${version} is ${got}`);
  return path;
}

/** The demo without training: the masks are as good as ever, and nothing was said on the way. */
async function demo(node: string, cli: string, out: string): Promise<void> {
  const { stdout, stderr } = await execute(node, [cli, 'demo', '--no-serve', '--no-train', '--json', '--out', out]);
  const { miou } = JSON.parse(stdout) as { miou: Readonly<Record<number, number>> };
  for (const [clicks, wanted] of Object.entries(MIOU)) {
    const got = miou[Number(clicks)] ?? 0;
    expect(Math.abs(got - wanted) <= TOLERANCE, `mean IoU after ${clicks} clicks is ${got.toFixed(3)}, not ${wanted}`);
  }
  expect(!/warning|deprecat/i.test(stderr), `the demo warns:\n${stderr}`);
}

/** A Node.js to test with. */
interface Line {
  readonly version: string;
  /** Path of the program. */
  readonly node: string;
}

const on = (version: string, what: string) => `Node.js ${version}: ${what}`;
const major = (version: string) => version.split('.')[0];
const own = process.versions.node;

/** Fetches one of each release line but that of the Node.js that runs `npm test`. */
export async function installNodes(): Promise<readonly Line[]> {
  const lines: Line[] = [];
  for (const version of VERSIONS.filter((each) => major(each) !== major(own)))
    await step(on(version, 'install'), async () => {
      lines.push({ version, node: await install(version) });
    });
  return lines;
}

/** Runs the unit tests. On the Node.js that runs `npm test` they ran already. */
export async function testSources(lines: readonly Line[]): Promise<void> {
  for (const { version, node } of lines) await step(on(version, 'unit tests'), () => runTests(UNIT_TESTS, { node }));
}

/** Runs the packages that are installed in a folder, on these and on the Node.js that runs `npm test`. */
export async function testInstalled(consumer: string, lines: readonly Line[]): Promise<void> {
  const cli = join(consumer, 'node_modules', 'adclick', 'dist', 'cli.js');
  for (const { version, node } of [{ version: own, node: process.execPath }, ...lines]) {
    const out = join(work, `demo-${version}`);
    await step(on(version, 'demo'), () => demo(node, cli, out));
    await step(on(version, 'labelling, killed and started again'), () => {
      const script = join(root, 'scripts', 'labelling-round.ts');
      const source = ['--conditions=@adclick/source', '--import', 'tsx'];
      return execute(process.execPath, [...source, script, join(out, 'bottle-mouth'), node, cli]);
    });
  }
}
