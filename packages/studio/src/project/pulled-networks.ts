/** Published checkpoints, fetched and taken in: the only thing here that opens a connection to a public address, and only when it is asked to. */
import { existsSync } from 'node:fs';
import { rm, rmdir } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { describeIoError, isMissing } from '@adclick/core/files';
import { CodedError } from '@adclick/ortgrad';
import { fail } from '../errors.ts';
import type { NotedOptions } from '../jobs/progress.ts';
import { CHECKPOINT_SOURCES, type CheckpointSource } from './checkpoint-sources.ts';
import { type DownloadOptions, differenceOf, download, removePart, type Wanted } from './download.ts';
import { type ImportedNetworks, importNetwork } from './imported-networks.ts';
import { leaseFolder } from './lease.ts';
import { whilePulling } from './leases.ts';
import { NETWORK_FILE, ownFolder } from './model-files.ts';

/** Folder inside a model's folder that holds its checkpoint until it is taken in. */
const DOWNLOADS = 'download';

export interface PullOptions extends NotedOptions, Pick<DownloadOptions, 'stallMs' | 'pauseMs'> {
  /** Another address of the same file, or the file itself where it is there already. */
  readonly from?: string;
  /** Whether one of that name is replaced. */
  readonly replace?: boolean;
  /** Folder of models; default {@link ownFolder}. */
  readonly into?: string;
}

const command = (name: string, file: string) => `adclick models pull ${name} --from ${file}`;

const usage = (what: string) => fail('ADC_USAGE', { what, command: 'adclick models pull' });

/** The source of a network. @throws ADC_USAGE for a name that there is not. */
export function sourceOf(name: string): CheckpointSource {
  const source = CHECKPOINT_SOURCES.get(name);
  if (source) return source;
  throw usage(`There is no network ${name}, only ${[...CHECKPOINT_SOURCES.keys()].join(', ')}`);
}

/** What is known of a file, in words. */
function known({ bytes, sha256 }: CheckpointSource): string {
  const digits = sha256 && sha256.length < 64 ? `SHA-256 begins with ${sha256}` : `SHA-256 ${sha256}`;
  return [bytes === undefined ? '' : `${bytes} bytes`, sha256 === undefined ? '' : digits].filter(Boolean).join(', ');
}

/** What to do by hand, one sentence a step: on a computer with a network, then here. */
export function stepsByHand(source: CheckpointSource): string[] {
  const { network, file, url, page, licence, sha256 } = source;
  const facts = known(source);
  return [
    url === undefined
      ? `Open ${page} in a browser and download ${file}`
      : `Fetch ${url}, for example with: curl -L -C - -o ${file} ${url}`,
    `Its licence is ${licence}; ${facts === '' ? 'its makers have published neither size nor SHA-256' : facts}`,
    ...(sha256 === undefined
      ? []
      : [`sha256sum ${file} tells its SHA-256 (macOS: shasum -a 256, Windows: certutil -hashfile ${file} SHA256)`]),
    `Bring it here, then: ${command(network, file)}`,
  ];
}

/** Where a proxy is named that Node has not been told to use, how to tell it. */
function proxyHint(environment: NodeJS.ProcessEnv): string {
  const names = ['HTTPS_PROXY', 'https_proxy', 'HTTP_PROXY', 'http_proxy'].filter((name) => environment[name]);
  return names.length === 0 || environment.NODE_USE_ENV_PROXY === '1'
    ? ''
    : ` ${names[0]} is used with NODE_USE_ENV_PROXY=1, by Node 22.21, 24 and later.`;
}

/** The next steps: of a connection that did not hold, and of one that brought another file. */
function mendsOf(source: CheckpointSource): Pick<Wanted, 'mend' | 'byHand'> {
  const { network, file, url } = source;
  const facts = known(source);
  const byHand = `etch ${url ?? file} by other means${facts && ` (${facts})`} and run \`${command(network, 'FILE')}\`.`;
  const mend = `Run the command again, it goes on where it was.${proxyHint(process.env)} Or f${byHand}`;
  return { mend, byHand: `F${byHand}` };
}

/** Holds a file that somebody has brought against what is published, and takes it in. */
async function takeIn(source: CheckpointSource, from: string, options: PullOptions): Promise<ImportedNetworks> {
  const { network, file, licence } = source;
  const path = resolve(from);
  const difference = await differenceOf(path, source, options.signal).catch((cause) => {
    options.signal?.throwIfAborted();
    if (isMissing(cause)) throw fail('ADC_CHECKPOINT_MISSING', { path }, cause);
    throw fail('ADC_CHECKPOINT_DAMAGED', { path, what: describeIoError(cause) }, cause);
  });
  if (difference !== undefined)
    throw fail('ADC_DOWNLOAD_WRONG', {
      from: path,
      what: difference,
      mend: `Fetch ${source.url ?? file} again; another checkpoint of that network is taken by \`adclick models import\`.`,
    });
  return importNetwork(path, network, { ...options, licence });
}

/** Fetches the file, holds it against what is published, and takes it in. */
async function fetchAndTakeIn(
  source: CheckpointSource,
  url: string,
  options: PullOptions & { readonly into: string },
): Promise<ImportedNetworks> {
  const { network, file, licence, bytes, sha256 } = source;
  const { into, onProgress, signal } = options;
  const part = join(into, network, DOWNLOADS, `${file}.part`);
  const wanted: Wanted = { url, part, bytes, sha256, ...mendsOf(source) };
  await download(wanted, {
    ...options,
    onBytes: (done, total) =>
      onProgress?.({
        label: `fetching ${network}, MB`,
        done: Math.floor(done / 1e6),
        total: total && Math.ceil(total / 1e6),
      }),
  });
  const difference = await differenceOf(part, source, signal);
  if (difference !== undefined) {
    await removePart(part);
    throw fail('ADC_DOWNLOAD_WRONG', { from: url, what: difference, mend: wanted.byHand });
  }
  try {
    return await importNetwork(part, network, { ...options, licence, fetched: { address: url, file } });
  } catch (error) {
    // What is no checkpoint of the network would be none the next time; a disk that is full now may have room then.
    if (error instanceof CodedError && /^ADC_(CHECKPOINT|WEIGHTS)_/.test(error.code)) await removePart(part);
    throw error;
  }
}

/** Takes away what a download and its lease leave behind, where nothing of another is in it. */
async function tidy(into: string, network: string): Promise<void> {
  const leases = leaseFolder(into);
  for (const folder of [join(into, network, DOWNLOADS), join(into, network), leases, dirname(leases)])
    await rmdir(folder).catch(() => undefined);
}

/**
 * Fetches the published checkpoint of a network and takes it in, with its licence. What was fetched is removed then.
 * @throws ADC_USAGE for an address of another scheme, ADC_MODEL_EXISTS, ADC_DOWNLOAD, ADC_DOWNLOAD_WRONG, ADC_DOWNLOAD_BY_HAND where only a
 *   browser gets it, ADC_IN_USE, what {@link importNetwork} throws. The next call goes on where a download was cut off.
 */
export async function pullNetwork(source: CheckpointSource, options: PullOptions = {}): Promise<ImportedNetworks> {
  const { network: name } = source;
  const { from = source.url, replace, into = ownFolder(), signal, note } = options;
  if (!replace && existsSync(join(into, name, NETWORK_FILE))) throw fail('ADC_MODEL_EXISTS', { name });
  if (from === undefined) {
    const mend = `Download ${source.file} there, then run \`${command(name, 'FILE')}\`.`;
    throw fail('ADC_DOWNLOAD_BY_HAND', { name, page: source.page, mend });
  }
  if (from.trim() === '') throw usage('--from takes a file or an address, and is empty');
  const [, scheme] = /^([a-z][a-z0-9+.-]+):\/\//i.exec(from) ?? [];
  if (scheme === undefined) return takeIn(source, from, options);
  if (!/^https?$/i.test(scheme) || !URL.canParse(from) || new URL(from).username !== '')
    throw usage('--from takes a file, or an address with https:// or http:// and without a user');
  try {
    return await whilePulling(into, name, { signal, note }, async (hold) => {
      const answer = await fetchAndTakeIn(source, from, { ...options, into, signal: hold.signal });
      await rm(join(into, name, DOWNLOADS), { recursive: true, force: true });
      return answer;
    });
  } finally {
    await tidy(into, name);
  }
}
