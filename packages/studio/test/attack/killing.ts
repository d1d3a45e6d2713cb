/** Work on a project as a process that is killed at a random moment, as `kill -9` does. */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Random, writeSampleProduct } from '@adclick/core/synthesis';
import { expect, onTestFinished } from 'vitest';
import { detectLayout } from '../../src/project/layout.ts';
import { leaseFolder } from '../../src/project/lease.ts';
import { PROJECT_FILE, type Project, writeProject } from '../../src/project/project.ts';
import { NODE_ARGUMENTS } from '../command.ts';
import { temporaryFolder } from '../sample.ts';

/** Kills of each kind of work; ADCLICK_FUZZ says another number. */
const ROUNDS = 2;
/** Of when work is killed, and of what tests make up. */
export const random = new Random('kills');

const source = (path: string) => JSON.stringify(new URL(`../../src/${path}`, import.meta.url).href);

/** Work as a process: what it imports, then what it does with the project's folder. */
const WORK = {
  index: [`import { indexProject } from ${source('engine/indexing.ts')};`, 'await indexProject(root);'],
  import: [
    `import { openLabels } from ${source('open-labels.ts')};
     import { openSource } from ${source('exchange/source.ts')};
     import { importLabels } from ${source('exchange/transfer.ts')};`,
    `const { store, close } = await openLabels(root, 'ada', 'mvtec');
     await importLabels(store, { format: 'mvtec', source: await openSource(root) });
     await close();`,
  ],
  train: [
    `import { openLabels } from ${source('open-labels.ts')};
     import { trainSegmentation } from ${source('detectors/training.ts')};`,
    `await trainSegmentation(root, (at) => openLabels(at, 'ada', 'training'), { unsupervised: true, steps: 2 });`,
  ],
  export: [
    `import { openLabels } from ${source('open-labels.ts')};
     import { exportLabels } from ${source('exchange/transfer.ts')};`,
    `const { store, close } = await openLabels(root, 'ada', 'coco');
     const pictureOf = ({ path }) => root + '/' + path;
     await exportLabels(store, { format: 'coco', target: root + '/out/coco', force: true, pictureOf });
     await close();`,
  ],
} as const;

/** Milliseconds that work took when nobody disturbed it. */
const lengths = new Map<keyof typeof WORK, number>();

/** Does work in a process of its own; killed after a share of the time it took before. @returns whether it was. */
async function processed(name: keyof typeof WORK, root: string, share?: number): Promise<boolean> {
  const [imports, work] = WORK[name];
  const program = `${imports}\nconst root = process.argv[1];\nconsole.log('begins');\n${work}`;
  const child = spawn(process.execPath, [...NODE_ARGUMENTS, '--input-type=module', '-e', program, root]);
  onTestFinished(() => void child.kill('SIGKILL'));
  let errors = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (errors += text));
  const ended = new Promise<number | string | null>((resolve) => child.on('exit', (code, by) => resolve(by ?? code)));
  await new Promise((resolve) => child.stdout.once('data', resolve));
  const start = performance.now();
  if (share !== undefined) {
    await Promise.race([ended, sleep(share * (lengths.get(name) ?? 0))]);
    child.kill('SIGKILL');
  }
  const end = await ended;
  if (share === undefined) lengths.set(name, performance.now() - start);
  if (end !== 'SIGKILL') expect(end, errors).toBe(0);
  return end === 'SIGKILL';
}

export async function makeProject(): Promise<Project> {
  const root = await temporaryFolder();
  await writeSampleProduct(root, 'screw', { normals: 6, testGoods: 1, defectsPerType: 3, width: 128, height: 128 });
  const { categories } = await detectLayout(root);
  return writeProject(join(root, PROJECT_FILE), { categories: { ...categories }, pixels: 128 });
}

/** Files and folders in the making, anywhere in a project. */
const halves = async (root: string) =>
  (await readdir(root, { recursive: true })).filter((name) => /(?:^|[\\/])\.[^\\/]+\.tmp(?:\.old)?$/.test(name));

/** Kills work in every round, and then once lets it come to its end here. */
export async function attack(
  name: keyof typeof WORK,
  project: Project,
  { before, after, finish }: { before?(): Promise<void>; after(): Promise<void>; finish(): Promise<void> },
  usual = ROUNDS,
): Promise<void> {
  const { root } = project;
  await processed(name, root);
  await after();
  const rounds = Number(process.env.ADCLICK_FUZZ ?? usual);
  for (let round = 0; round < rounds; round++) {
    await before?.();
    await processed(name, root, random.next());
    await after();
    await finish();
    expect(await halves(root)).toEqual([]);
    expect(existsSync(leaseFolder(root)) ? await readdir(leaseFolder(root)) : []).toEqual([]);
  }
}
