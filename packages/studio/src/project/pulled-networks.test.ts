/** Fetching published checkpoints and taking them in: what is known of them, and what is left where something fails. */
import { createHash } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ARCHITECTURES } from '@adclick/core/models';
import { readSafetensorsHeader } from '@adclick/ortgrad';
import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { file, fileServer, status } from '../../test/file-server.ts';
import { wideCheckpoint } from '../../test/wide-checkpoint.ts';
import { CHECKPOINT_SOURCES, type CheckpointSource } from './checkpoint-sources.ts';
import { whilePulling } from './leases.ts';
import { pullNetwork, sourceOf, stepsByHand } from './pulled-networks.ts';

const bytes = wideCheckpoint();
const sha256 = createHash('sha256').update(bytes).digest('hex');
const source: CheckpointSource = {
  network: 'wide-resnet-50-2',
  file: 'wide.pth',
  page: 'https://example.org/wide',
  bytes: bytes.length,
  sha256,
  licence: 'BSD-3-Clause',
};

let into: string;
beforeEach(async () => {
  into = await mkdtemp(join(tmpdir(), 'adclick-pulled-'));
});
afterEach(() => rm(into, { recursive: true, force: true }));

const quick = () => ({ into, pauseMs: 5 });
const left = async () => (await readdir(into, { recursive: true })).sort();

describe('what is known', () => {
  test('of every network that can be taken in there is a source', () => {
    expect([...CHECKPOINT_SOURCES.keys()].sort()).toEqual([...ARCHITECTURES.keys()].sort());
  });

  test.each([...CHECKPOINT_SOURCES.values()])('of $network it agrees with itself', (known) => {
    expect(new URL(known.page).protocol).toBe('https:');
    expect(known.file).toMatch(/^[\w.-]+\.(pth|safetensors)$/);
    expect(known.licence).not.toBe('');
    if (known.sha256 !== undefined) expect(known.sha256).toMatch(/^([0-9a-f]{8}|[0-9a-f]{64})$/);
    if (known.url === undefined) return;
    expect(new URL(known.url).protocol).toBe('https:');
    expect(known.bytes).toBeGreaterThan(1e6);
    // torchvision puts the first digits of the hash into the name.
    const [, digits] = /-([0-9a-f]{8})\.pth$/.exec(known.url) ?? [];
    if (digits) expect(known.sha256?.slice(0, 8)).toBe(digits);
    expect(known.url.endsWith(known.file)).toBe(true);
  });

  test('the steps by hand name address, size, hash, licence and the command', () => {
    const steps = stepsByHand({ ...source, url: 'https://example.org/wide.pth' }).join('\n');
    for (const said of [
      'https://example.org/wide.pth',
      `${bytes.length} bytes`,
      sha256,
      'BSD-3-Clause',
      'models pull wide-resnet-50-2 --from wide.pth',
    ])
      expect(steps).toContain(said);
    const browser = stepsByHand({ ...source, bytes: undefined, sha256: undefined }).join('\n');
    expect(browser).toContain('Open https://example.org/wide in a browser');
    expect(browser).toContain('neither size nor SHA-256');
    expect(stepsByHand({ ...source, sha256: 'abcdef01' }).join('\n')).toContain('SHA-256 begins with abcdef01');
  });

  test('another name is refused', () => {
    expect(() => sourceOf('resnet-18')).toThrow(expect.objectContaining({ code: 'ADC_USAGE' }));
  });
});

describe('a checkpoint is fetched', () => {
  test('over a connection that breaks, and taken in with its licence and address; nothing else stays', async () => {
    const { origin, asked } = await fileServer(
      file({ bytes, etag: '"1"', cutAfter: 1e6 }),
      file({ bytes, etag: '"1"' }),
    );
    const url = `${origin}/wide.pth`;
    const done: number[] = [];
    const { path, card } = await pullNetwork(
      { ...source, url },
      { ...quick(), onProgress: (event) => done.push(event.done) },
    );
    expect(asked).toHaveLength(2);
    expect(card).toMatchObject({ licence: 'BSD-3-Clause', source: { file: 'wide.pth', address: url, sha256 } });
    expect(JSON.parse((await readSafetensorsHeader(path)).metadata.card)).toEqual(card);
    expect(await left()).toEqual([
      'wide-resnet-50-2',
      'wide-resnet-50-2/README.md',
      'wide-resnet-50-2/model.safetensors',
    ]);
    const text = await readFile(join(into, 'wide-resnet-50-2/README.md'), 'utf8');
    expect(text).toContain(`| fetched from | <${url}> |`);
    expect(text).toContain('Taken in by `adclick models pull`.');
    expect(done.length).toBeGreaterThan(0);
    await expect(pullNetwork({ ...source, url }, quick())).rejects.toMatchObject({ code: 'ADC_MODEL_EXISTS' });
    expect(asked).toHaveLength(2);
  });

  test('from another address that is given; only the file that was published is taken there', async () => {
    const turned = Buffer.from(bytes);
    turned[turned.length - 100] ^= 1;
    const { origin } = await fileServer(file({ bytes: turned }), file({ bytes }));
    const from = `${origin}/mirror`;
    await expect(pullNetwork(source, { ...quick(), from })).rejects.toMatchObject({
      code: 'ADC_DOWNLOAD_WRONG',
      message: expect.stringContaining(sha256),
    });
    expect(await left()).toEqual([]);
    const { card } = await pullNetwork(source, { ...quick(), from });
    expect(card.source.address).toBe(from);
  });

  test('not at all: the error says how to go on by hand, and what came stays to go on from', async () => {
    const { origin } = await fileServer(file({ bytes, etag: '"1"', cutAfter: 1e6, arrived: () => true }), status(503));
    const url = `${origin}/wide.pth`;
    await expect(pullNetwork({ ...source, url }, quick())).rejects.toMatchObject({
      code: 'ADC_DOWNLOAD',
      next: expect.stringMatching(
        new RegExp(`${url}.*${bytes.length} bytes, SHA-256 ${sha256}.*models pull wide-resnet-50-2 --from FILE`),
      ),
    });
    expect(await left()).toEqual([
      'wide-resnet-50-2',
      'wide-resnet-50-2/download',
      'wide-resnet-50-2/download/wide.pth.part',
      'wide-resnet-50-2/download/wide.pth.part.json',
    ]);
  });

  test('and is none of that network, whose hash nobody has published: nothing stays', async () => {
    const other = wideCheckpoint(['bn1.bias']);
    const { origin } = await fileServer(file({ bytes: other }));
    const url = `${origin}/wide.pth`;
    await expect(pullNetwork({ ...source, url, bytes: undefined, sha256: undefined }, quick())).rejects.toMatchObject({
      code: 'ADC_CHECKPOINT_MISFIT',
    });
    expect(await left()).toEqual([]);
  });

  test('by one process at a time', async () => {
    const { origin, asked } = await fileServer(file({ bytes }));
    await whilePulling(into, source.network, {}, async () => {
      await expect(pullNetwork({ ...source, url: `${origin}/x` }, quick())).rejects.toMatchObject({
        code: 'ADC_IN_USE',
      });
    });
    expect(asked).toEqual([]);
  });

  test('where a proxy is named that Node does not use, the error says so', async () => {
    vi.stubEnv('HTTPS_PROXY', 'http://127.0.0.1:9');
    vi.stubEnv('NODE_USE_ENV_PROXY', undefined);
    onTestFinished(() => void vi.unstubAllEnvs());
    const { origin } = await fileServer(status(404));
    await expect(pullNetwork({ ...source, url: origin }, quick())).rejects.toMatchObject({
      next: expect.stringContaining('HTTPS_PROXY is used with NODE_USE_ENV_PROXY=1'),
    });
  });
});

describe('a file that is here already', () => {
  test('is held against what is published, then taken in; it stays where it is', async () => {
    const path = join(into, 'brought.pth');
    await writeFile(path, bytes);
    const { card } = await pullNetwork(source, { ...quick(), from: path });
    expect(card).toMatchObject({ licence: 'BSD-3-Clause', source: { file: 'brought.pth', sha256 } });
    expect(card.source.address).toBeUndefined();
    expect((await readFile(path)).length).toBe(bytes.length);
  });

  test.each<[string, (path: string) => Promise<void>, object]>([
    [
      'another size',
      (path) => writeFile(path, 'x'),
      { code: 'ADC_DOWNLOAD_WRONG', message: expect.stringContaining('it has 1 bytes') },
    ],
    ['not there', async () => {}, { code: 'ADC_CHECKPOINT_MISSING' }],
  ])('%s', async (_, make, error) => {
    const path = join(into, 'brought.pth');
    await make(path);
    await expect(pullNetwork(source, { ...quick(), from: path })).rejects.toMatchObject(error);
    expect((await left()).filter((name) => name !== 'brought.pth')).toEqual([]);
  });
});

test.each([
  ['only a browser gets it', undefined, 'ADC_DOWNLOAD_BY_HAND'],
  ['another scheme', 'ftp://example.org/wide.pth', 'ADC_USAGE'],
  ['a user in the address', 'https://me:secret@example.org/wide.pth', 'ADC_USAGE'],
  ['no address', 'https://', 'ADC_USAGE'],
])('no connection is opened: %s', async (_, from, code) => {
  await expect(pullNetwork(source, { ...quick(), from })).rejects.toMatchObject({ code });
  expect(await left()).toEqual([]);
});
