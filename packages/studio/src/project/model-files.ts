/** Model files: those that ship, checked against their checksums, and weights that a project brings itself. */
import { createHash } from 'node:crypto';
import { type Dirent, existsSync } from 'node:fs';
import { readdir, readFile, stat } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { describeIoError, isMissing } from '@adclick/core/files';
import { loadClickWeights, modelFolders, saveClickWeights } from '@adclick/core/models';
import { readSafetensorsHeader } from '@adclick/ortgrad';
import { z } from 'zod';
import { CACHE_FOLDER } from '../cache-folder.ts';
import { fail } from '../errors.ts';
import { fileName } from '../file-name.ts';
import { passOver } from '../log.ts';
import { namesIn } from './finding.ts';
import { whileWritingWeights } from './leases.ts';

/** File beside the shipped models that lists size and SHA-256 of each of their files. */
const CHECKSUMS = 'checksums.json';
/** File name of a detector inside a model's folder. */
export const DETECTOR_FILE = 'detector.onnx';
/** Names of models that are the detector of a category begin so. */
export const DETECTOR_PREFIX = 'detector-';
/** File name of weights inside a model's folder. */
const WEIGHTS_FILE = 'weights.safetensors';
/** File name of a backbone or text encoder inside a model's folder. */
export const NETWORK_FILE = 'model.safetensors';
/** What `kind` says in the metadata of networks from checkpoints of other programs. */
export const NETWORK_KIND = 'adclick-network/1';

type Checksums = Readonly<Record<string, { readonly bytes: number; readonly sha256: string }>>;

/** How one shipped file compares with its checksum. */
export interface FileCheck {
  readonly file: string;
  readonly bytes: number;
  readonly ok: boolean;
  /** What is wrong with it. */
  readonly what?: string;
}

/** One row of `models list`. */
export interface ModelEntry {
  readonly name: string;
  /** `damaged`: the file cannot be read as what it seems to be. */
  readonly kind: 'backbone' | 'click weights' | 'detector' | 'unknown' | 'damaged';
  /** `imported`: from a checkpoint of another program, or put into the folder that `ADCLICK_MODELS` names. */
  readonly from: 'shipped' | 'imported' | 'project';
  readonly file: string;
  readonly bytes: number;
  readonly licence?: string;
  readonly trainedOn?: string;
}

/** Folder of the models that ship: the first that holds checksums. */
export function shippedFolder(): string {
  const folders = modelFolders();
  return folders.find((folder) => existsSync(join(folder, CHECKSUMS))) ?? folders[0];
}

/** Folder that imported networks go to: the one that `ADCLICK_MODELS` names, or else that of the models that ship. */
export const ownFolder = (): string => process.env.ADCLICK_MODELS || shippedFolder();

/** Folder of a project's own models. */
export const projectModels = (root: string): string => join(root, CACHE_FOLDER, 'models');

/** What is wrong with a file that could not be read. */
const unread = (error: unknown) => (isMissing(error) ? 'is missing' : `cannot be read: ${describeIoError(error)}`);

async function check(folder: string, file: string, want: { bytes: number; sha256: string }): Promise<FileCheck> {
  const bytes = await readFile(join(folder, file)).catch(unread);
  if (typeof bytes === 'string') return { file, bytes: 0, ok: false, what: bytes };
  if (bytes.length !== want.bytes)
    return { file, bytes: bytes.length, ok: false, what: `has ${bytes.length} bytes, not ${want.bytes}` };
  const ok = createHash('sha256').update(bytes).digest('hex') === want.sha256;
  return { file, bytes: bytes.length, ok, ...(ok ? {} : { what: 'has another SHA-256' }) };
}

/** Compares every shipped file with its checksum. */
export async function verifyModels(folder = shippedFolder()): Promise<FileCheck[]> {
  const bytes = await readFile(join(folder, CHECKSUMS)).catch(unread);
  if (typeof bytes === 'string') return [{ file: CHECKSUMS, bytes: 0, ok: false, what: bytes }];
  let checksums: Checksums;
  try {
    checksums = JSON.parse(bytes.toString()) as Checksums;
  } catch {
    return [{ file: CHECKSUMS, bytes: bytes.length, ok: false, what: 'is not JSON' }];
  }
  return Promise.all(Object.entries(checksums).map(([file, want]) => check(folder, file, want)));
}

/** What the list shows of a card. */
const listedCard = z.object({ trainedOn: z.string().optional() });

function parsed(text = '{}'): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

async function describeModel(folder: string, name: string, from: ModelEntry['from']): Promise<ModelEntry | undefined> {
  const files = await namesIn(join(folder, name));
  if (files.includes(DETECTOR_FILE)) {
    const path = join(folder, name, DETECTOR_FILE);
    return { name, kind: 'detector', from, file: path, bytes: (await stat(path)).size };
  }
  const file = files.find((each) => each === WEIGHTS_FILE) ?? files.find((each) => each === NETWORK_FILE);
  if (!file) return undefined;
  const path = join(folder, name, file);
  const { size } = await stat(path);
  const read = await readSafetensorsHeader(path).catch(passOver('weights not read', { path }));
  // One broken file is no reason not to list the others.
  if (!read) return { name, kind: 'damaged', from, file: path, bytes: size };
  const { metadata } = read;
  const { data: card = {} } = listedCard.safeParse(parsed(metadata.card));
  const origin = metadata.kind === NETWORK_KIND ? 'imported' : from;
  const licence = metadata.license ?? (origin === 'shipped' ? 'Apache-2.0' : undefined);
  return {
    name,
    kind: metadata.kind?.startsWith('adclick-click-weights')
      ? 'click weights'
      : file === WEIGHTS_FILE
        ? 'unknown'
        : 'backbone',
    from: origin,
    file: path,
    bytes: size,
    ...(licence ? { licence } : {}),
    ...(card.trainedOn ? { trainedOn: card.trainedOn } : {}),
  };
}

/** What is in a folder of models; nothing where there is none. @throws ADC_FOLDER_MISSING for a file in its place. */
const entriesOf = (folder: string): Promise<Dirent[]> =>
  readdir(folder, { withFileTypes: true }).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOTDIR') throw fail('ADC_FOLDER_MISSING', { path: folder }, error);
    if (isMissing(error)) return [];
    throw error;
  });

/** All models that a command can be given by name: the shipped and imported ones, then the project's. */
export async function listModels(root?: string): Promise<ModelEntry[]> {
  const places: [string, ModelEntry['from']][] = [[shippedFolder(), 'shipped']];
  if (ownFolder() !== shippedFolder()) places.push([ownFolder(), 'imported']);
  if (root) places.push([projectModels(root), 'project']);
  const found: ModelEntry[] = [];
  for (const [folder, from] of places) {
    const names = (await entriesOf(folder)).filter((entry) => entry.isDirectory());
    for (const { name } of names.sort((a, b) => (a.name < b.name ? -1 : 1))) {
      const entry = await describeModel(folder, name, from);
      if (entry) found.push(entry);
    }
  }
  return found;
}

/** Names of models are names of folders, on every system. @throws ADC_USAGE. */
export function checkModelName(name: string, command: string): void {
  if (fileName(name) !== name || name.startsWith('-'))
    throw fail('ADC_USAGE', { what: `'${name}' cannot be the name of a model`, command });
}

/**
 * The file behind what a user gave as weights: a path, a project's model, or a shipped name.
 * @throws ADC_WEIGHTS_MISSING when there is no such file.
 */
export function resolveWeights(weights: string, root?: string): string {
  const candidates = weights.endsWith('.safetensors')
    ? [resolve(weights), ...(root ? [resolve(root, weights)] : [])]
    : [...(root ? [projectModels(root)] : []), ...modelFolders()].map((folder) => join(folder, weights, WEIGHTS_FILE));
  const found = candidates.find((path) => existsSync(path));
  if (!found) throw fail('ADC_WEIGHTS_MISSING', { path: weights });
  return found;
}

/**
 * Takes a weights file into a project under a name.
 * @throws ADC_WEIGHTS_MISSING, ADC_WEIGHTS_DAMAGED, ADC_WEIGHTS_KIND for files that are not click weights; ADC_MODEL_EXISTS, ADC_IN_USE, ADC_DISK.
 */
export async function importWeights(
  root: string,
  file: string,
  options: { name?: string; replace?: boolean } = {},
): Promise<{ name: string; path: string }> {
  const source = resolveWeights(resolve(file).endsWith('.safetensors') ? file : `${file}.safetensors`);
  const { tensors, card } = await loadClickWeights(source);
  const name = options.name ?? (basename(source) === WEIGHTS_FILE ? card.name : basename(source, '.safetensors'));
  checkModelName(name, 'adclick models import');
  const path = join(projectModels(root), name, WEIGHTS_FILE);
  return whileWritingWeights(root, name, {}, async ({ owned }) => {
    if (!options.replace && existsSync(path)) throw fail('ADC_MODEL_EXISTS', { name });
    await owned();
    await saveClickWeights(path, tensors, { ...card, name });
    return { name, path };
  });
}
