/** The part of `npm test` that depends on the version of Node.js, on every release line that ADClick is tested with. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { execute, expect, npm, root, runTests, step, work } from './steps.ts';

/** One of each release line. npm has them as packages, so that nothing else has to be set up. */
const VERSIONS = ['20.19.6', '22.23.5', '24.22.3', '26.12.1'];

/** Tests of what touches onnxruntime's binding, memory and numbers. */
const UNIT_TESTS = [
  'packages/ortgrad/src',
  ...['features', 'residual', 'inference'].map((part) => `packages/core/src/${part}`),
];

/** Mean IoU of the demo after 1, 3 and 5 clicks, the same on every version. */
const MIOU = { 1: 0.874, 3: 0.919, 5: 0.932 };
const TOLERANCE = 0.005;

/** Fetches a Node.js. @returns the path of the program. */
function install(version: string): string {
  const folder = join(work, `node-${version}`);
  mkdirSync(folder);
  writeFileSync(join(folder, 'package.json'), '{ "private": true }');
  const name = `node-${process.platform === 'win32' ? 'win' : process.platform}-${process.arch}`;
  const quiet = ['--ignore-scripts', '--prefer-offline', '--no-audit', '--no-fund', '--no-save'];
  execute(npm, ['install', ...quiet, '--prefix', folder, `${name}@${version}`], { cwd: folder });
  const program = process.platform === 'win32' ? 'node.exe' : 'node';
  const path = join(folder, 'node_modules', name, 'bin', program);
  const got = execute(path, ['--version']).stdout.trim();
  expect(got === `v${version}`, `${name}@${version} is ${got}`);
  return path;
}

/** The demo without training: the masks are as good as ever, and nothing was said on the way. */
function demo(node: string, cli: string, out: string): void {
  const { stdout, stderr } = execute(node, [cli, 'demo', '--no-serve', '--no-train', '--json', '--out', out]);
  const { miou } = JSON.parse(stdout) as { miou: Readonly<Record<number, number>> };
  for (const [clicks, wanted] of Object.entries(MIOU)) {
    const got = miou[Number(clicks)] ?? 0;
    expect(Math.abs(got - wanted) <= TOLERANCE, `mean IoU after ${clicks} clicks is ${got.toFixed(3)}, not ${wanted}`);
  }
  expect(!/warning|deprecat/i.test(stderr), `the demo warns:\n${stderr}`);
}

/**
 * Runs it all, with the packages that are installed in a folder. On the Node.js that runs `npm test`, where the unit tests ran already, only
 * the demo and the labelling.
 */
export function testNodes(consumer: string): void {
  const cli = join(consumer, 'node_modules', 'adclick', 'dist', 'cli.js');
  const major = (version: string) => version.split('.')[0];
  const own = process.versions.node;
  for (const version of [own, ...VERSIONS.filter((each) => major(each) !== major(own))]) {
    const on = (what: string) => `Node.js ${version}: ${what}`;
    let node = process.execPath;
    if (version !== own) {
      step(on('install'), () => {
        node = install(version);
      });
      step(on('unit tests'), () => runTests(UNIT_TESTS, { node }));
    }
    const out = join(work, `demo-${version}`);
    step(on('demo'), () => demo(node, cli, out));
    step(on('labelling, killed and started again'), () => {
      const script = join(root, 'scripts', 'labelling-round.ts');
      const source = ['--conditions=@adclick/source', '--import', 'tsx'];
      execute(process.execPath, [...source, script, join(out, 'bottle-mouth'), node, cli]);
    });
  }
}
