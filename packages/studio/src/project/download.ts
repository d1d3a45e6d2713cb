/** Fetching one large file from a public address: it goes on where it was cut off, never waits for ever, and takes no other file for it. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { type FileHandle, mkdir, open, readFile, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describeIoError, writeFileAtomic } from '@adclick/core/files';
import { CodedError, removeIfPossible } from '@adclick/ortgrad';
import { z } from 'zod';
import { fail } from '../errors.ts';
import { deepest, LONGEST_PAUSE_MS, mayPass, Passing, short, wantedPause } from '../other-servers.ts';
import { VERSION } from '../version.ts';

/** A file that is wanted. */
export interface Wanted {
  readonly url: string;
  /** Where its bytes are collected. Beside it, with `.json` behind the name, lies which file they are of. */
  readonly part: string;
  /** Its size, where it is known before. */
  readonly bytes?: number;
  /** Its SHA-256, or the first of its digits, where they are known before. */
  readonly sha256?: string;
  /** What the error tells to do. */
  readonly mend: string;
  /** The next step where doing it again gives the same. */
  readonly byHand: string;
}

export interface DownloadOptions {
  readonly signal?: AbortSignal;
  /** Told how many bytes are there, of how many where that is known. */
  readonly onBytes?: (done: number, total: number | undefined) => void;
  /** Milliseconds without a byte after which the connection counts as dead; default {@link STALL_MS}. */
  readonly stallMs?: number;
  /** First pause before it is tried again, in milliseconds; the next is twice as long. Default {@link PAUSE_MS}. */
  readonly pauseMs?: number;
}

const STALL_MS = 30_000;
const PAUSE_MS = 1_000;
/** Times in a row that it is tried without a new byte. */
const FRUITLESS = 4;
/** Times that it is tried at all. */
const TRIES = 100;
const MOST_REDIRECTS = 10;
/** Hexadecimal digits of a whole SHA-256. */
const WHOLE_HASH = 64;

const partSchema = z.object({
  url: z.string(),
  /** `ETag` or `Last-Modified` of the file that the bytes are of; null where the server told neither. */
  tag: z.string().nullable(),
  total: z.int().nullable(),
});

/** Which file the bytes of a part are of. */
type PartOf = z.infer<typeof partSchema>;

const noteOf = (part: string) => `${part}.json`;
const sizeOf = async (path: string): Promise<number> => (await stat(path).catch(() => undefined))?.size ?? 0;

async function guard<T>(path: string, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw fail('ADC_DISK', { path, what: describeIoError(error) }, error);
  }
}

/** Takes away what there is of a download. */
export async function removePart(part: string): Promise<void> {
  await removeIfPossible(part);
  await removeIfPossible(noteOf(part));
}

async function partOf({ url, part }: Wanted): Promise<PartOf | undefined> {
  const text = await readFile(noteOf(part), 'utf8').catch(() => '');
  try {
    const { data } = partSchema.safeParse(JSON.parse(text));
    return data?.url === url ? data : undefined;
  } catch {
    return undefined;
  }
}

const failed = ({ url, mend }: Wanted, what: string, cause?: unknown) =>
  fail('ADC_DOWNLOAD', { url, what, mend }, cause);
const wrong = ({ url, byHand }: Wanted, what: string) => fail('ADC_DOWNLOAD_WRONG', { from: url, what, mend: byHand });

/** What an `If-Range` may say: a weak tag names no bytes. */
function tagOf(headers: Headers): string | null {
  const etag = headers.get('etag');
  return etag !== null && !etag.startsWith('W/') ? etag : headers.get('last-modified');
}

/** Where a redirect leads. @throws ADC_DOWNLOAD for addresses that are not followed. */
function onward(wanted: Wanted, from: URL, location: string): URL {
  if (!URL.canParse(location, from.href)) throw failed(wanted, 'it sends on to something that is no address');
  const next = new URL(location, from.href);
  if (next.protocol !== 'https:' && next.protocol !== from.protocol)
    throw failed(
      wanted,
      `it sends on to ${short(`${next.protocol}//${next.host}`)}, which is not followed from ${from.protocol}//`,
    );
  return next;
}

/** The answer at the end of all redirects. @throws ADC_DOWNLOAD, what fetching throws. */
async function answerOf(wanted: Wanted, headers: Record<string, string>, signal: AbortSignal): Promise<Response> {
  let at = new URL(wanted.url);
  for (let redirects = 0; redirects <= MOST_REDIRECTS; redirects++) {
    const response = await fetch(at, { headers, signal, redirect: 'manual' });
    const location = response.headers.get('location');
    if (response.status < 300 || response.status >= 400 || location === null) return response;
    await response.body?.cancel();
    at = onward(wanted, at, location);
  }
  throw failed(wanted, `it sends on more than ${MOST_REDIRECTS} times`);
}

/** Where an answer's bytes begin, and how many the file has. */
interface Start {
  readonly at: number;
  readonly total: number | undefined;
}

/** What the answer is worth. @throws Passing, ADC_DOWNLOAD, ADC_DOWNLOAD_WRONG. */
async function startOf(wanted: Wanted, response: Response, have: number, of: PartOf | undefined): Promise<Start> {
  const { status, statusText, headers } = response;
  const said = short(`${status} ${statusText}`);
  if (mayPass(status)) throw new Passing(`it answers ${said}`, wantedPause(headers));
  const [, from, end] = /^bytes (\d+)-\d+\/(\d+)$/.exec(headers.get('content-range') ?? '') ?? [];
  const isOther =
    status === 206 && (Number(from) !== have || (of?.tag != null && ![null, of.tag].includes(tagOf(headers))));
  if (isOther || (status === 416 && have > 0)) {
    // Another file lies there now than the one that was begun.
    await removePart(wanted.part);
    throw new Passing('it has another file now than before');
  }
  if (status !== 200 && status !== 206) throw failed(wanted, `it answers ${said}`);
  const packed = headers.get('content-encoding');
  if (packed !== null && packed !== 'identity') throw failed(wanted, `it sends the file packed by ${short(packed)}`);
  const length = headers.get('content-length');
  const total = status === 206 ? Number(end) : length === null ? undefined : Number(length);
  if (wanted.bytes !== undefined && total !== undefined && total !== wanted.bytes)
    throw wrong(wanted, `it has ${total} bytes, not ${wanted.bytes}`);
  if (wanted.bytes === undefined && /^text\/html\b/i.test(headers.get('content-type') ?? ''))
    throw failed(wanted, 'it answers with a web page, not with the file');
  return { at: status === 206 ? have : 0, total: total ?? wanted.bytes };
}

/** Appends what comes to the part. @returns bytes that are there now. @throws ADC_DISK, ADC_DOWNLOAD_WRONG, what reading throws. */
async function collect(
  wanted: Wanted,
  body: AsyncIterable<Uint8Array>,
  { at, total }: Start,
  onPiece: (done: number) => void,
): Promise<number> {
  const file: FileHandle = await guard(wanted.part, open(wanted.part, at === 0 ? 'w' : 'a'));
  let done = at;
  try {
    for await (const piece of body) {
      if (total !== undefined && done + piece.length > total)
        throw wrong(wanted, `it sends more than the ${total} bytes that it should have`);
      await guard(wanted.part, file.appendFile(piece));
      done += piece.length;
      onPiece(done);
    }
  } finally {
    await guard(wanted.part, file.close());
  }
  return done;
}

/** Asks for what is missing, once. @throws Passing when it may be asked for again. */
async function fetchRest(wanted: Wanted, { signal, onBytes, stallMs = STALL_MS }: DownloadOptions): Promise<void> {
  const { part, url, sha256 } = wanted;
  const of = await partOf(wanted);
  // Without a tag only the whole hash finds out that the halves are of two files.
  const isKnown = of !== undefined && (of.tag !== null || sha256?.length === WHOLE_HASH);
  const there = isKnown ? await sizeOf(part) : 0;
  const size = of?.total ?? wanted.bytes;
  if (isKnown && there === size) return;
  const have = size !== undefined && there > size ? 0 : there;
  const stalled = new AbortController();
  const timer = setTimeout(() => stalled.abort(new Passing(`no byte came for ${stallMs / 1000} s`)), stallMs);
  const either = signal ? AbortSignal.any([signal, stalled.signal]) : stalled.signal;
  try {
    const response = await answerOf(
      wanted,
      {
        accept: '*/*',
        'accept-encoding': 'identity',
        'user-agent': `adclick/${VERSION}`,
        ...(have > 0 && { range: `bytes=${have}-`, ...(of?.tag && { 'if-range': of.tag }) }),
      },
      either,
    );
    const start = await startOf(wanted, response, have, of);
    if (start.at === 0) {
      await guard(part, mkdir(dirname(part), { recursive: true }));
      // The old bytes go before the note says that they are of another file.
      await removePart(part);
      const now: PartOf = { url, tag: tagOf(response.headers), total: start.total ?? null };
      await writeFileAtomic(noteOf(part), new TextEncoder().encode(`${JSON.stringify(now)}\n`));
    }
    const done = await collect(wanted, response.body ?? emptyBody(), start, (bytes) => {
      timer.refresh();
      onBytes?.(bytes, start.total);
    });
    if (start.total !== undefined && done < start.total)
      throw new Passing(`the connection ended after ${done} of ${start.total} bytes`);
  } catch (error) {
    signal?.throwIfAborted();
    stalled.signal.throwIfAborted();
    // So the client says that a connection failed or broke off.
    if (error instanceof TypeError && error.cause !== undefined) throw new Passing(deepest(error), undefined, error);
    throw error;
  } finally {
    clearTimeout(timer);
    // Frees the connection of an answer that was not read to its end.
    stalled.abort();
  }
}

async function* emptyBody(): AsyncGenerator<Uint8Array> {}

/**
 * Fetches a file into `part`, going on where an earlier attempt ended, and waits for faults that pass.
 * @throws ADC_DOWNLOAD when it cannot be had, ADC_DOWNLOAD_WRONG when what lies there cannot be it, ADC_DISK, the signal's reason. Bytes that
 *   may be of the file stay, and the next call goes on behind them.
 */
export async function download(wanted: Wanted, options: DownloadOptions = {}): Promise<void> {
  const { signal, pauseMs = PAUSE_MS } = options;
  let furthest = await sizeOf(wanted.part);
  for (let tries = 1, fruitless = 0; ; tries++) {
    try {
      await fetchRest(wanted, options);
      return;
    } catch (error) {
      if (!(error instanceof Passing)) {
        if (error instanceof CodedError && error.code === 'ADC_DOWNLOAD_WRONG') await removePart(wanted.part);
        throw error;
      }
      const there = await sizeOf(wanted.part);
      fruitless = there > furthest ? 1 : fruitless + 1;
      furthest = Math.max(furthest, there);
      const pause = error.pauseMs ?? pauseMs * 2 ** (fruitless - 1);
      if (fruitless >= FRUITLESS || tries >= TRIES || pause > LONGEST_PAUSE_MS)
        throw failed(wanted, error.message, error);
      await sleep(pause, undefined, { signal }).catch(() => signal?.throwIfAborted());
    }
  }
}

/** The SHA-256 of a file, in hexadecimal digits. @throws what reading throws. */
async function hashOf(path: string, signal?: AbortSignal): Promise<string> {
  const hash = createHash('sha256');
  for await (const piece of createReadStream(path, { signal })) hash.update(piece);
  return hash.digest('hex');
}

/** What speaks against a file being the one that is wanted: size or hash; undefined for nothing. @throws what reading throws. */
export async function differenceOf(
  path: string,
  { bytes, sha256 }: Pick<Wanted, 'bytes' | 'sha256'>,
  signal?: AbortSignal,
): Promise<string | undefined> {
  const found = await stat(path);
  if (!found.isFile()) return 'it is no file';
  const { size } = found;
  if (bytes !== undefined && size !== bytes) return `it has ${size} bytes, not ${bytes}`;
  if (sha256 === undefined) return undefined;
  const digits = await hashOf(path, signal);
  const begins = sha256.length < WHOLE_HASH ? ', which begins with' : ',';
  return digits.startsWith(sha256) ? undefined : `its SHA-256 is ${digits}, not the one${begins} ${sha256}`;
}
