/** Downloads from servers that stall, cut off, change the file or send another: what arrives is the file, or nothing that looks like it. */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Behaviour, file, fileServer, type Served, status } from '../../test/file-server.ts';
import { type DownloadOptions, differenceOf, download, type Wanted } from './download.ts';

const bytes = Buffer.from(Uint8Array.from({ length: 300_000 }, (_, i) => (i * 31 + (i >> 8)) % 251));
const others = Buffer.from(bytes.map((value) => 255 - value));
const sha256 = createHash('sha256').update(bytes).digest('hex');
const etag = '"first"';

let folder: string;
let part: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'adclick-download-'));
  part = join(folder, 'network', 'file.part');
});
afterEach(() => rm(folder, { recursive: true, force: true }));

let there = 0;
const QUICK: DownloadOptions = {
  stallMs: 60_000,
  pauseMs: 5,
  onBytes: (done) => {
    there = done;
  },
};

async function fetched(
  behaviours: readonly Behaviour[],
  { more, options }: { more?: Partial<Wanted>; options?: DownloadOptions } = {},
) {
  const { origin, asked } = await fileServer(...behaviours);
  const wanted = {
    url: `${origin}/file`,
    part,
    bytes: bytes.length,
    sha256,
    mend: 'Do it.',
    byHand: 'Get another.',
    ...more,
  };
  await download(wanted, { ...QUICK, ...options });
  return { wanted, asked };
}

/** What has arrived before an answer says nothing of it. */
const good =
  (more: Partial<Served> = {}): Behaviour =>
  (request, response) => {
    there = 0;
    file({ bytes, etag, arrived: (count) => there >= count, ...more })(request, response);
  };
const ranges = (asked: readonly { headers: { range?: string } }[]) => asked.map(({ headers }) => headers.range);

describe('the file arrives', () => {
  test('at once, and another call asks nobody', async () => {
    const seen: [number, number | undefined][] = [];
    const { wanted, asked } = await fetched([good()], {
      options: { onBytes: (done, total) => seen.push([done, total]) },
    });
    expect(await readFile(part)).toEqual(bytes);
    expect(seen.at(-1)).toEqual([bytes.length, bytes.length]);
    expect(asked[0].headers).toMatchObject({ 'accept-encoding': 'identity' });
    await download(wanted, QUICK);
    expect(asked).toHaveLength(1);
  });

  test.each<[string, Behaviour[], (string | undefined)[]]>([
    [
      'a connection that is cut off twice',
      [good({ cutAfter: 100_000 }), good({ cutAfter: 50_000 }), good()],
      [undefined, 'bytes=100000-', 'bytes=150000-'],
    ],
    [
      'a server that knows no parts',
      [good({ cutAfter: 100_000 }), good({ ranges: false })],
      [undefined, 'bytes=100000-'],
    ],
    [
      'a server without tags, by its hash',
      [good({ etag: undefined, cutAfter: 100_000 }), good({ etag: undefined })],
      [undefined, 'bytes=100000-'],
    ],
    ['503, then the file', [status(503, { 'retry-after': '0' }), good()], [undefined, undefined]],
    ['429 without a pause, then the file', [status(429), good()], [undefined, undefined]],
    ['a file whose length is not said', [good({ sized: false })], [undefined]],
  ])('%s', async (_, behaviours, asks) => {
    const { asked } = await fetched(behaviours);
    expect(ranges(asked)).toEqual(asks);
    expect((await readFile(part)).equals(bytes)).toBe(true);
  });

  test('in a later call, behind the bytes of the one before', async () => {
    const { origin, asked } = await fileServer(
      good({ cutAfter: 200_000 }),
      status(503),
      status(503),
      status(503),
      good(),
    );
    const wanted = { url: `${origin}/file`, part, bytes: bytes.length, sha256, mend: 'Do it.', byHand: 'Get another.' };
    await expect(download(wanted, QUICK)).rejects.toMatchObject({ code: 'ADC_DOWNLOAD', next: 'Do it.' });
    expect((await stat(part)).size).toBe(200_000);
    await download(wanted, QUICK);
    expect(asked.at(-1)?.headers).toMatchObject({ range: 'bytes=200000-', 'if-range': etag });
    expect((await readFile(part)).equals(bytes)).toBe(true);
  });

  test.each<[string, Behaviour]>([
    ['which the server says', file({ bytes, etag: '"second"' })],
    // It should have sent the whole file.
    [
      'of which the server sends a part',
      (request, response) => {
        delete request.headers['if-range'];
        file({ bytes, etag: '"second"' })(request, response);
      },
    ],
    [
      'which became shorter',
      (request, response) => (request.headers.range ? status(416)(request, response) : good()(request, response)),
    ],
  ])('whole after a change of the file between two parts, %s', async (_, after) => {
    await fetched([good({ bytes: others, cutAfter: 100_000 }), after]);
    expect((await readFile(part)).equals(bytes)).toBe(true);
  });

  test('anew where the part is of another address, or nothing says what it is of', async () => {
    await fetched([good({ cutAfter: 100_000 }), good()]);
    for (const spoil of [() => writeFile(`${part}.json`, '{'), () => rm(`${part}.json`), async () => {}]) {
      await spoil();
      await writeFile(part, others.subarray(0, 50_000));
      const { asked } = await fetched([good()]);
      expect(ranges(asked)).toEqual([undefined]);
      expect((await readFile(part)).equals(bytes)).toBe(true);
    }
  });

  test('anew without tag and whole hash: nothing would tell that the halves are of two files', async () => {
    const without = good({ etag: undefined });
    const { asked } = await fetched([good({ etag: 'W/"weak"', cutAfter: 100_000 }), without], {
      more: { sha256: sha256.slice(0, 8) },
    });
    expect(ranges(asked)).toEqual([undefined, undefined]);
    expect((await readFile(part)).equals(bytes)).toBe(true);
  });

  test('through redirects, also to a path alone', async () => {
    const { asked } = await fetched([status(302, { location: '/b?x=1' }), status(307, { location: 'c' }), good()]);
    expect(asked.map(({ path }) => path)).toEqual(['/file', '/b?x=1', '/c']);
    expect((await readFile(part)).equals(bytes)).toBe(true);
  });
});

describe('silence ends a connection', () => {
  // Long enough for a busy computer to answer in.
  const options = { ...QUICK, stallMs: 1_500 };

  test.each<[string, Behaviour, string | undefined]>([
    ['in the middle', good({ stallAfter: 100_000 }), 'bytes=100000-'],
    ['at the beginning', () => {}, undefined],
  ])('%s, and the next one brings the rest', async (_, silent, range) => {
    const { asked } = await fetched([silent, good()], { options });
    expect(ranges(asked)).toEqual([undefined, range]);
    expect((await readFile(part)).equals(bytes)).toBe(true);
  });

  test('for good is an error', async () => {
    await expect(fetched([() => {}], { options })).rejects.toMatchObject({
      code: 'ADC_DOWNLOAD',
      message: expect.stringContaining('no byte came for 1.5 s'),
    });
  });
});

describe('an error says why no file came, and nothing whole is there', () => {
  test.each<[string, Behaviour[], string, RegExp, number]>([
    ['404', [status(404)], 'ADC_DOWNLOAD', /it answers 404 Not Found/, 1],
    ['403', [status(403)], 'ADC_DOWNLOAD', /403/, 1],
    ['no content', [status(204)], 'ADC_DOWNLOAD', /204/, 1],
    ['503 for good', [status(503)], 'ADC_DOWNLOAD', /503/, 4],
    ['a pause of an hour', [status(503, { 'retry-after': '3600' })], 'ADC_DOWNLOAD', /503/, 1],
    ['always cut off at the same place', [good({ ranges: false, cutAfter: 1000 })], 'ADC_DOWNLOAD', /./, 4],
    ['a redirect in a circle', [status(302, { location: '/file' })], 'ADC_DOWNLOAD', /more than 10 times/, 11],
    [
      'a redirect to a file',
      [status(302, { location: 'file:///etc/passwd' })],
      'ADC_DOWNLOAD',
      /file:\/\/, which is not followed/,
      1,
    ],
    [
      'a redirect to ftp',
      [status(301, { location: 'ftp://127.0.0.1/file' })],
      'ADC_DOWNLOAD',
      /ftp:\/\/127\.0\.0\.1, which/,
      1,
    ],
    ['a redirect to nothing', [status(302, { location: 'http://' })], 'ADC_DOWNLOAD', /no address/, 1],
    ['a packed file', [status(200, { 'content-encoding': 'gzip' }, '')], 'ADC_DOWNLOAD', /packed by gzip/, 1],
    [
      'a shorter file',
      [file({ bytes: bytes.subarray(1), etag })],
      'ADC_DOWNLOAD_WRONG',
      /has 299999 bytes, not 300000/,
      1,
    ],
    [
      'a longer file that does not say so',
      [file({ bytes: Buffer.concat([bytes, bytes]), sized: false })],
      'ADC_DOWNLOAD_WRONG',
      /more than the 300000/,
      1,
    ],
  ])('%s', async (_, behaviours, code, what, times) => {
    const { origin, asked } = await fileServer(...behaviours);
    const wanted = { url: `${origin}/file`, part, bytes: bytes.length, sha256, mend: 'Do it.', byHand: 'Get another.' };
    await expect(download(wanted, QUICK)).rejects.toMatchObject({
      code,
      message: expect.stringMatching(what),
      // What a server answers for good comes again.
      next: code === 'ADC_DOWNLOAD_WRONG' ? 'Get another.' : 'Do it.',
    });
    expect(asked).toHaveLength(times);
    expect(existsSync(part) ? (await stat(part)).size : 0).toBeLessThan(bytes.length);
  });

  test('a web page in the place of a file whose size is not known', async () => {
    const page = status(200, { 'content-type': 'text/html; charset=utf-8' }, '<html>');
    await expect(fetched([page], { more: { bytes: undefined } })).rejects.toMatchObject({
      code: 'ADC_DOWNLOAD',
      message: expect.stringContaining('web page'),
    });
  });

  test('nobody listens', async () => {
    await expect(fetched([good()], { more: { url: 'http://127.0.0.1:9/file' } })).rejects.toMatchObject({
      code: 'ADC_DOWNLOAD',
      message: expect.stringContaining('127.0.0.1:9'),
    });
  });

  test('a folder that cannot be written', async () => {
    await writeFile(join(folder, 'network'), '');
    await expect(fetched([good()])).rejects.toMatchObject({ code: 'ADC_DISK' });
  });

  test('it is stopped: the bytes stay', async () => {
    const stop = new AbortController();
    const reason = new Error('stopped');
    const options = { signal: stop.signal, stallMs: 60_000, onBytes: () => stop.abort(reason) };
    await expect(fetched([good({ stallAfter: 1000 })], { options })).rejects.toBe(reason);
    expect((await stat(part)).size).toBe(1000);
  });
});

test.each<[string, Buffer, { bytes?: number; sha256?: string }, RegExp | undefined]>([
  ['the file', bytes, { bytes: bytes.length, sha256 }, undefined],
  ['the file, by its first digits', bytes, { sha256: sha256.slice(0, 8) }, undefined],
  ['nothing known', others, {}, undefined],
  ['another size', bytes, { bytes: 5 }, /it has 300000 bytes, not 5/],
  ['another hash', others, { bytes: bytes.length, sha256 }, new RegExp(`not the one, ${sha256}`)],
  ['other first digits', others, { sha256: sha256.slice(0, 8) }, /which begins with/],
])('what speaks against a file: %s', async (_, content, known, what) => {
  const path = join(folder, 'file');
  await writeFile(path, content);
  const difference = await differenceOf(path, known);
  if (what) expect(difference).toMatch(what);
  else expect(difference).toBeUndefined();
});
