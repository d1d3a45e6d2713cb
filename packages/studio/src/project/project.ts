/** The project file adclick.yaml: what it may say, and reading it with errors that name line and field. */
import { readFile, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { CodedError } from '@adclick/core';
import { CLICK_THRESHOLD } from '@adclick/core/evaluation';
import { describeIoError, isMissing, writeFileAtomic } from '@adclick/core/files';
import { DEFAULT_TEXT_ENCODER, TEXT_ENCODERS, type TextEncoderName } from '@adclick/core/language';
import { BACKBONES, type BackboneName, DEFAULT_BACKBONE, PRESET_NAMES } from '@adclick/core/models';
import { stringify } from 'yaml';
import { z } from 'zod';
import { LOST_NAME } from '../api.ts';
import { fail } from '../errors.ts';
import { checkText, type Misfit } from './checked-text.ts';
import { spelledOnDisk } from './spelling.ts';

/** Name of the project file. */
export const PROJECT_FILE = 'adclick.yaml';

/** Bytes that a project file may have; one of a thousand categories has a tenth of them. */
const MOST_BYTES = 2 ** 20;

/** A path, which no system lets have a control character. */
const folder = z
  .string()
  .min(1)
  .refine((text) => !/\p{Cc}/u.test(text), 'it has a control character');

const categorySchema = z.strictObject({
  /** Folders of pictures without defects. */
  good: z.array(folder).min(1),
  /** Folders of pictures that may have defects. */
  test: z.array(folder).default([]),
  /** Folder of masks, laid out as in MVTec AD: <type>/<name>_mask.png. */
  masks: folder.optional(),
  /** Names of the defect types. */
  defects: z
    .array(
      z
        .string()
        .min(1)
        .refine((name) => name !== LOST_NAME, 'must be another name'),
    )
    .default([]),
});

/** What the address of a language model has to be, for messages. */
export const SERVER_ADDRESS = 'must be an address such as http://localhost:11434/v1, without a name or key in it';

/** Whether a text is such an address: error lines show it, so it may hold no secret. */
export function isServerAddress(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, username, password, search } = new URL(text);
  return /^https?:$/.test(protocol) && username + password + search === '';
}

const projectSchema = z.strictObject({
  categories: z
    .record(z.string().min(1), categorySchema)
    .refine((categories) => Object.keys(categories).length > 0, 'at least one category is needed'),
  /** Network that turns pictures into descriptors. */
  backbone: z.enum(Object.keys(BACKBONES) as BackboneName[]).default(DEFAULT_BACKBONE),
  /** Size of the click network that training from nothing makes, where the command does not say another. */
  preset: z.enum(PRESET_NAMES).default('small'),
  /** Encoder of the words that such a network learns with. */
  textEncoder: z.enum(Object.keys(TEXT_ENCODERS) as TextEncoderName[]).default(DEFAULT_TEXT_ENCODER),
  /** Click weights: a name that ships, or a .safetensors file relative to the project. */
  weights: folder.default('adclick-small'),
  /** Side of the square that has as many pixels as the pictures that the models see; `auto` goes by their own size and by `smallest`. */
  pixels: z
    .union([z.literal('auto'), z.int().min(128).max(4096)], {
      error: ({ input }) => `${JSON.stringify(input)} is neither auto nor a whole number from 128 to 4096`,
    })
    .default('auto'),
  /** Narrow side of the least defect that matters, in pixels of the pictures. */
  smallest: z.number().gt(0).max(1_000).optional(),
  thresholds: z
    .strictObject({
      /** Probability above which a pixel belongs to the defect. */
      mask: z.number().gt(0).lt(1).default(CLICK_THRESHOLD),
    })
    .prefault({}),
  /** A server that speaks OpenAI's protocol, asked for prompts; without one the offline grammar writes them. */
  languageModel: z
    .strictObject({
      /** Address before `/chat/completions`. */
      baseURL: z.string().refine(isServerAddress, SERVER_ADDRESS),
      model: z.string().min(1),
      /** Seconds that one answer may take. */
      timeout: z.number().gt(0).max(3_600).default(120),
    })
    .optional(),
});

/** Content of a project file, defaults filled in. */
export type ProjectSettings = z.infer<typeof projectSchema>;
export type CategorySettings = z.infer<typeof categorySchema>;
/** What has to be said to write a project file. */
export type ProjectDraft = z.input<typeof projectSchema>;

/** How finely the models see pictures, as an index is told. @param pixels side of a square. */
export const gridOf = ({ pixels, smallest }: { readonly pixels: number | 'auto'; readonly smallest?: number }) => ({
  pixels: pixels === 'auto' ? pixels : pixels * pixels,
  smallest,
});

/** A project: its settings and where it lies. */
export interface Project {
  readonly root: string;
  readonly settings: ProjectSettings;
}

/** ADC_PROJECT for a place in a project file. */
const misfit = (path: string, { line, field, what }: Misfit, cause?: unknown) =>
  fail(
    'ADC_PROJECT',
    {
      ...{ path, line, field, what, where: `, line ${line}, ${field}` },
      mend: 'Correct that line; `adclick init --force` writes a fresh file.',
    },
    cause,
  );

/** Checks the text of a project file. @throws ADC_PROJECT naming the first wrong line and field. */
export const parseProject = (text: string, path: string): ProjectSettings =>
  checkText(projectSchema, text, (place) => misfit(path, place));

/** The settings with folders as the disk spells them. */
async function spelled(root: string, settings: ProjectSettings): Promise<ProjectSettings> {
  const all = (folders: readonly string[]) => Promise.all(folders.map((folder) => spelledOnDisk(root, folder)));
  const categories: [string, CategorySettings][] = [];
  for (const [name, category] of Object.entries(settings.categories)) {
    const { good, test, masks } = category;
    const found = { good: await all(good), test: await all(test) };
    categories.push([name, { ...category, ...found, ...(masks && { masks: await spelledOnDisk(root, masks) }) }]);
  }
  return { ...settings, categories: Object.fromEntries(categories) };
}

/** The text of a project file. Editors on Windows may have written UTF-16, which its first bytes say: a mark, or a Latin letter's empty half. */
function decoded(bytes: Uint8Array): string {
  const [first, second] = bytes;
  const little = (first === 0xff && second === 0xfe) || second === 0;
  const big = (first === 0xfe && second === 0xff) || first === 0;
  return new TextDecoder(little ? 'utf-16le' : big ? 'utf-16be' : 'utf-8', { fatal: true }).decode(bytes);
}

/** @throws ADC_PROJECT naming the first line that is no text. */
function textOf(bytes: Uint8Array, path: string): string {
  try {
    return decoded(bytes);
  } catch (error) {
    const before = new TextDecoder().decode(bytes).split('\ufffd', 1)[0] ?? '';
    const line = before.split('\n').length;
    throw misfit(path, { line, field: 'the whole file', what: 'it is no text in UTF-8; save it as UTF-8' }, error);
  }
}

/** Opens the project of a folder. @throws ADC_PROJECT_MISSING, ADC_PROJECT. */
export async function openProject(directory: string): Promise<Project> {
  const root = resolve(directory);
  const path = join(root, PROJECT_FILE);
  let bytes: Buffer;
  try {
    const { size } = await stat(path);
    if (size > MOST_BYTES)
      throw misfit(path, { line: 1, field: 'the whole file', what: `it has ${size} bytes, more than ${MOST_BYTES}` });
    bytes = await readFile(path);
  } catch (error) {
    if (error instanceof CodedError) throw error;
    if (isMissing(error)) throw fail('ADC_PROJECT_MISSING', { path, folder: directory }, error);
    throw misfit(path, { line: 1, field: 'the whole file', what: describeIoError(error) }, error);
  }
  return { root, settings: await spelled(root, parseProject(textOf(bytes, path), path)) };
}

const HEADER = `# ADClick project. Folders are relative to this file. docs/formats.md explains every field.\n`;

/** Writes a project file, defaults spelled out. @throws ADC_PROJECT, ADC_DISK. */
export async function writeProject(path: string, draft: ProjectDraft): Promise<Project> {
  const text = HEADER + stringify(projectSchema.parse(draft));
  const settings = parseProject(text, path);
  await writeFileAtomic(path, new TextEncoder().encode(text));
  return { root: dirname(path), settings };
}
