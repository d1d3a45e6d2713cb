/** `adclick models import --as` and `models pull`: what the commands say, and what they leave behind. */
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { bertEncoder } from '../../core/src/checkpoints/bert-names.ts';
import { lavtEncoder } from '../../core/src/checkpoints/lavt.ts';
import { importArchitecture } from '../src/project/imported-networks.ts';
import { adclick, errorCode } from './command.ts';
import { fileServer, status } from './file-server.ts';
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

interface Listed {
  readonly models: readonly { readonly name: string }[];
  readonly toPull: readonly { readonly name: string; readonly bytes?: number; readonly licence: string }[];
}
const list = async (): Promise<Listed> => JSON.parse((await run(['list', '--json'])).stdout);
const PULL = ['pull', 'wide-resnet-50-2'];

test('what can be pulled is listed with size and licence, and how to get it by hand is said without a connection', async () => {
  expect((await list()).toPull).toContainEqual({
    name: 'wide-resnet-50-2',
    kind: 'network',
    from: 'pull',
    bytes: 138_223_492,
    licence: 'BSD-3-Clause',
  });
  expect((await run(['list'])).stdout).toMatch(
    /\nNot here; .*\nwide-resnet-50-2 +network +pull +138\.2 MB +BSD-3-Clause\n/,
  );
  const { code, stdout } = await run([...PULL, '--by-hand']);
  expect(code).toBe(0);
  expect(stdout).toMatch(
    /^1\. Fetch https:.*\n2\. .*BSD-3-Clause; 138223492 bytes, SHA-256 95faca4d.*\n3\. .*\n4\. .*--from wide_resnet/,
  );
});

test('what was not published is not taken, and a failed download is one line with the next step', async () => {
  const { origin } = await fileServer(status(404));
  for (const [from, code] of [
    [join(folder, 'wide.pth'), 'ADC_DOWNLOAD_WRONG'],
    [`${origin}/wide.pth`, 'ADC_DOWNLOAD'],
  ]) {
    const ended = await run([...PULL, '--from', from]);
    expect([ended.code, errorCode(ended)]).toEqual([1, code]);
    expect(ended.stderr).toContain('https://download.pytorch.org/models/wide_resnet50_2-95faca4d.pth');
  }
  expect(
    (await readdir(join(models, 'wide-resnet-50-2')).catch(() => [])).filter((name) => name === 'model.safetensors'),
  ).toEqual([]);
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
  const { models: listed, toPull } = await list();
  expect(toPull.map(({ name }) => name)).not.toContain('wide-resnet-50-2');
  expect(listed.find(({ name }) => name === 'wide-resnet-50-2')).toMatchObject({
    kind: 'backbone',
    from: 'imported',
    licence: 'BSD-3-Clause',
  });
  expect(listed.map(({ name }) => name)).toContain('efficientnet-lite0');
});

describe('a checkpoint of two networks', () => {
  // As bench/reference/checkpoints.py makes it.
  const file = fileURLToPath(new URL('../../core/src/checkpoints/fixtures/lavt.pth', import.meta.url));
  const encoder = lavtEncoder({ embed: 4, depths: [1, 2], heads: [1, 2], window: 4 }, 32);
  const shape = { layers: 2, dims: 32, heads: 4, inner: 128, vocabulary: 50, places: 24 };
  const words = bertEncoder('lavt-bert', shape);
  const both = (into: string, other = words) => importArchitecture(file, encoder, [other], { into });

  test('becomes two models, each with its card', async () => {
    const into = join(folder, 'both');
    const taken = await both(into);
    expect(taken).toMatchObject({
      path: join(into, 'lavt', 'model.safetensors'),
      card: { name: 'lavt', source: { under: 'model.' }, leftOut: { 'the decoder (classifier)': 6 } },
      with: [{ path: join(into, 'lavt-bert', 'model.safetensors'), card: { source: { under: 'bert_model.' } } }],
    });
    for (const name of ['lavt', 'lavt-bert'])
      expect((await readdir(join(into, name))).sort()).toEqual(['README.md', 'model.safetensors']);
    await rm(join(into, 'lavt'), { recursive: true });
    await expect(both(into)).rejects.toMatchObject({ code: 'ADC_MODEL_EXISTS', details: { name: 'lavt-bert' } });
    expect(await readdir(into)).toEqual(['lavt-bert']);
  });

  test('is not taken in by half where the second is another one', async () => {
    const into = join(folder, 'half');
    await expect(both(into, bertEncoder('lavt-bert', { ...shape, layers: 3 }))).rejects.toMatchObject({
      code: 'ADC_CHECKPOINT_MISFIT',
      message: expect.stringMatching(/is not lavt-bert: 16 missing: encoder\.layer\.2/),
    });
    await expect(readdir(into)).rejects.toThrow(/ENOENT/);
  });

  test('is the first alone where the second is not there', async () => {
    const none = { ...words, landmark: 'nowhere' };
    expect((await both(join(folder, 'alone'), none)).with).toEqual([]);
  });
});
