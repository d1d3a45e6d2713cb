/** Taking checkpoints in: what does not fit or asks for more changes nothing, and one that fits carries what is known of it. */
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readSafetensorsHeader } from '@adclick/ortgrad';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { call, global, text } from '../../../core/test/torch-files.ts';
import { wideCheckpoint } from '../../test/wide-checkpoint.ts';
import { importNetwork } from './imported-networks.ts';

let folder: string;
let into: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'adclick-networks-'));
  into = join(folder, 'models');
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const FILE = 'wide|`resnet`.pth';
const NAME = 'wide-resnet-50-2';

async function taken(bytes: Uint8Array, options: { replace?: boolean; licence?: string; signal?: AbortSignal } = {}) {
  const file = join(folder, FILE);
  await writeFile(file, bytes);
  return importNetwork(file, NAME, { into, ...options });
}

const stop = new AbortController();
stop.abort(new Error('stopped'));

test.each<[string, () => Promise<unknown>, object]>([
  [
    'one that calls',
    () => taken(wideCheckpoint([], { x: call(global('os', 'system'), text('true')) })),
    { code: 'ADC_CHECKPOINT_UNSAFE' },
  ],
  ['one that lacks a tensor', () => taken(wideCheckpoint(['layer2.3.bn3.bias'])), { code: 'ADC_CHECKPOINT_MISFIT' }],
  ['one that is cut off', () => taken(wideCheckpoint().subarray(0, 5e6)), { code: 'ADC_CHECKPOINT_DAMAGED' }],
  ['a web page', () => taken(Buffer.from('<html></html>')), { code: 'ADC_CHECKPOINT_KIND' }],
  ['a name that there is not', () => importNetwork(folder, 'resnet-18', { into }), { code: 'ADC_USAGE' }],
  ['one that is stopped', () => taken(wideCheckpoint(), { signal: stop.signal }), { message: 'stopped' }],
])('%s changes nothing', async (_, work, error) => {
  await expect(work()).rejects.toMatchObject(error);
  expect(await readdir(join(into, NAME)).catch(() => [])).toEqual([]);
});

test('one that fits has a card inside and one to read, and is replaced only when asked', async () => {
  const { path, card } = await taken(wideCheckpoint());
  expect(path).toBe(join(into, NAME, 'model.safetensors'));
  expect(card).toMatchObject({ licence: 'unknown', tensors: 86, parameters: 24_842_752, beside: 0 });
  expect(card.source).toMatchObject({ file: FILE, format: 'PyTorch', under: 'state_dict.' });
  expect(card.leftOut).toEqual({ layer4: 1, fc: 1, 'counts of batches': 1 });
  const { metadata } = await readSafetensorsHeader(path);
  expect(JSON.parse(metadata.card)).toEqual(card);
  expect(metadata.license).toBeUndefined();
  const before = await stat(path);
  await expect(taken(wideCheckpoint())).rejects.toMatchObject({ code: 'ADC_MODEL_EXISTS' });
  await expect(taken(wideCheckpoint(['bn1.bias']), { replace: true })).rejects.toMatchObject({
    code: 'ADC_CHECKPOINT_MISFIT',
  });
  expect((await stat(path)).mtimeMs).toBe(before.mtimeMs);
  await taken(wideCheckpoint(), { replace: true, licence: 'BSD-3-Clause' });
  expect((await readSafetensorsHeader(path)).metadata.license).toBe('BSD-3-Clause');
  const text = await readFile(join(into, NAME, 'README.md'), 'utf8');
  expect(text).toContain('| licence | BSD-3-Clause |');
  expect(text).toContain('| source | `wide__resnet_.pth`, PyTorch,');
  expect(text).toContain(card.source.sha256);
});
