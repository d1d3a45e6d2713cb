/** The project file adclick.yaml: what it may say, and reading it with errors that name line and field. */
import { readFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { CLICK_THRESHOLD, writeFileAtomic } from '@adclick/core';
import { type Document, isMap, isNode, isPair, LineCounter, parseDocument, stringify } from 'yaml';
import { z } from 'zod';
import { fail } from './errors.ts';

/** Name of the project file. */
export const PROJECT_FILE = 'adclick.yaml';
/** Folder beside it for everything that can be made again. */
export const CACHE_FOLDER = '.adclick';

const folder = z.string().min(1);

const categorySchema = z.strictObject({
  /** Folders of pictures without defects. */
  good: z.array(folder).min(1),
  /** Folders of pictures that may have defects. */
  test: z.array(folder).default([]),
  /** Folder of masks, laid out as in MVTec AD: <type>/<name>_mask.png. */
  masks: folder.optional(),
  /** Names of the defect types. */
  defects: z.array(z.string().min(1)).default([]),
});

const projectSchema = z.strictObject({
  categories: z
    .record(z.string().min(1), categorySchema)
    .refine((categories) => Object.keys(categories).length > 0, 'at least one category is needed'),
  /** Network that turns pictures into descriptors. */
  backbone: z.string().min(1).default('efficientnet-lite0'),
  /** Size of the click network that training makes. */
  preset: z.enum(['small', 'base', 'paper']).default('small'),
  /** Click weights: a name that ships, or a .safetensors file relative to the project. */
  weights: z.string().min(1).default('adclick-small'),
  /** Longer side of the pictures as the models see them. */
  pixels: z.int().min(128).max(4096).default(512),
  thresholds: z
    .strictObject({
      /** Probability above which a pixel belongs to the defect. */
      mask: z.number().gt(0).lt(1).default(CLICK_THRESHOLD),
    })
    .prefault({}),
});

/** Content of a project file, defaults filled in. */
export type ProjectSettings = z.infer<typeof projectSchema>;
export type CategorySettings = z.infer<typeof categorySchema>;
/** What has to be said to write a project file. */
export type ProjectDraft = z.input<typeof projectSchema>;

/** A project: its settings and where it lies. */
export interface Project {
  readonly root: string;
  readonly settings: ProjectSettings;
}

type Path = readonly PropertyKey[];

/** Offset of the value at a path, or of its nearest parent. */
function offsetOf(document: Document, path: Path): number {
  for (let length = path.length; length >= 0; length--) {
    const node = document.getIn(path.slice(0, length), true);
    if (isNode(node) && node.range) return node.range[0];
  }
  return 0;
}

/** Offset of a key of the map at a path. */
function offsetOfKey(document: Document, path: Path, key: string): number {
  const map = path.length === 0 ? document.contents : document.getIn(path, true);
  if (isMap(map)) {
    const pair = map.items.find((item) => isPair(item) && String(item.key) === key);
    if (pair && isNode(pair.key) && pair.key.range) return pair.key.range[0];
  }
  return offsetOf(document, path);
}

const fieldName = (path: Path) => path.map(String).join('.') || 'the whole file';

/** Checks the text of a project file. @throws ADC_PROJECT naming the first wrong line and field. */
export function parseProject(text: string, path: string): ProjectSettings {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines });
  const broken = document.errors[0];
  if (broken) {
    const what = (broken.message.split('\n')[0] ?? '').replace(/ at line \d+, column \d+:?$/, '');
    throw fail('ADC_PROJECT', { path, line: broken.linePos?.[0].line ?? 1, field: 'YAML', what });
  }
  const result = projectSchema.safeParse(document.toJS());
  if (result.success) return result.data;
  const issue = result.error.issues[0] as z.core.$ZodIssue;
  const unknown = issue.code === 'unrecognized_keys' ? issue.keys[0] : undefined;
  const field = unknown === undefined ? issue.path : [...issue.path, unknown];
  const offset = unknown === undefined ? offsetOf(document, issue.path) : offsetOfKey(document, issue.path, unknown);
  const what = unknown === undefined ? issue.message : 'there is no such field';
  throw fail('ADC_PROJECT', { path, line: lines.linePos(offset).line || 1, field: fieldName(field), what });
}

/** Opens the project of a folder. @throws ADC_PROJECT_MISSING, ADC_PROJECT. */
export async function openProject(directory: string): Promise<Project> {
  const root = resolve(directory);
  const path = join(root, PROJECT_FILE);
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    throw fail('ADC_PROJECT_MISSING', { path, folder: directory }, error);
  }
  return { root, settings: parseProject(text, path) };
}

const HEADER = `# ADClick project. Folders are relative to this file. docs/formats.md explains every field.\n`;

/** Writes a project file, defaults spelled out. @throws ADC_PROJECT, ADC_DISK. */
export async function writeProject(path: string, draft: ProjectDraft): Promise<Project> {
  const text = HEADER + stringify(projectSchema.parse(draft));
  const settings = parseProject(text, path);
  await writeFileAtomic(path, new TextEncoder().encode(text));
  return { root: dirname(path), settings };
}
