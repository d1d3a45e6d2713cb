/** `adclick models import --as`: what the command says, and what it leaves behind. */
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { adclick, errorCode } from './command.ts';
import { wideCheckpoint } from './wide-checkpoint.ts';

let folder: string;
let models: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'adclick-models-'));
  models = join(folder, 'models');
  await mkdir(models);
  await writeFile(join(folder, 'wide.pth'), wideCheckpoint());
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const run = (args: readonly string[], fileLimit?: number) =>
  adclick(['models', ...args], { env: { ADCLICK_MODELS: models }, fileLimit });
const IMPORT = () => ['import', join(folder, 'wide.pth'), '--as', 'wide-resnet-50-2'];

test.skipIf(process.platform === 'win32')('a full disk leaves no half file', async () => {
  const ended = await run(IMPORT(), 60_000);
  expect([ended.code, errorCode(ended)]).toEqual([1, 'ADC_DISK']);
  expect(await readdir(join(models, 'wide-resnet-50-2'))).toEqual([]);
});

test.each<[string[], RegExp]>([
  [['x.pth', '--as', 'resnet-18'], /wide-resnet-50-2/],
  [['x.safetensors'], /--project DIR/],
  [['x.pth', '--as', 'wide-resnet-50-2', '--name', 'wide'], /--project and --name say nothing with --as/],
  [['x.safetensors', '--project', '.', '--licence', 'MIT'], /--licence and --under say nothing without --as/],
])('wrong usage is said: %s', async (args, what) => {
  const ended = await run(['import', ...args]);
  expect([ended.code, errorCode(ended)]).toEqual([2, 'ADC_USAGE']);
  expect(ended.stderr).toMatch(what);
});

test('a checkpoint becomes a model that is listed', async () => {
  const ended = await run([...IMPORT(), '--licence', 'BSD-3-Clause', '--json']);
  expect(ended.code).toBe(0);
  const path = join(models, 'wide-resnet-50-2', 'model.safetensors');
  expect(JSON.parse(ended.stdout)).toMatchObject({
    name: 'wide-resnet-50-2',
    path,
    licence: 'BSD-3-Clause',
    tensors: 86,
  });
  expect((await readdir(join(models, 'wide-resnet-50-2'))).sort()).toEqual(['README.md', 'model.safetensors']);
  const listed = JSON.parse((await run(['list', '--json'])).stdout).models as { name: string }[];
  expect(listed.find(({ name }) => name === 'wide-resnet-50-2')).toMatchObject({
    kind: 'backbone',
    from: 'imported',
    licence: 'BSD-3-Clause',
  });
  expect(listed.map(({ name }) => name)).toContain('efficientnet-lite0');
});
