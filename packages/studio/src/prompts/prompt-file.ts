/** The prompts of a project on disk: `.adclick/prompts.json`, which people may edit. */
import type { BigIntStats } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { describeIoError, writeFileAtomic } from '@adclick/core/files';
import { promptFault } from '@adclick/core/language';
import { CodedError } from '@adclick/ortgrad';
import { z } from 'zod';
import { CACHE_FOLDER } from '../cache-folder.ts';
import { fail } from '../errors.ts';
import { checkText } from '../project/checked-text.ts';

const phrase = z.string().superRefine((text, context) => {
  const what = promptFault(text);
  if (what !== undefined) context.addIssue({ code: 'custom', message: what });
});

const setSchema = z.strictObject({
  /** Who wrote them first: `grammar`, or the name of a language model. */
  by: z.string().min(1),
  phrases: z
    .array(phrase)
    .min(1)
    .refine((phrases) => new Set(phrases).size === phrases.length, 'a phrase stands there twice'),
});

const fileSchema = z.strictObject({
  version: z.literal(1),
  /** By category, then by defect type. */
  prompts: z.record(z.string().min(1), z.record(z.string().min(1), setSchema)),
});

/** The prompts of one defect type. */
export type PromptSet = z.infer<typeof setSchema>;
export type PromptFile = z.infer<typeof fileSchema>;

/** Where a project keeps its prompts. */
export const promptPath = (root: string): string => join(root, CACHE_FOLDER, 'prompts.json');

/** Files that were read, each as it was: every click with a defect type asks. */
const known = new Map<string, { readonly state: string; readonly file: PromptFile }>();
/** Projects whose prompts are kept in memory; one is usual. */
const KNOWN = 8;
/** Milliseconds after which another change of a file has another time, on every disk. */
const COARSEST_MS = 2_000;

/** What is another for another content, whoever wrote it: files that are replaced are others, those that are edited have another time. */
const stateOf = ({ dev, ino, size, mtimeNs, ctimeNs }: BigIntStats) => [dev, ino, size, mtimeNs, ctimeNs].join(' ');

/** The file's text, and its state at a moment before and after which it was the same. */
async function readSteady(path: string): Promise<{ readonly text: string; readonly state: string | undefined }> {
  const handle = await open(path, 'r');
  try {
    const before = await handle.stat({ bigint: true });
    const text = await handle.readFile('utf8');
    const after = await handle.stat({ bigint: true });
    // One that has just been changed may be changed again within the same tick of the disk's clock.
    const fresh = Math.abs(Date.now() - Number(after.mtimeMs)) < COARSEST_MS;
    return { text, state: fresh || stateOf(before) !== stateOf(after) ? undefined : stateOf(after) };
  } finally {
    await handle.close();
  }
}

/** Reads the prompts, once a change; none where there is no file. @throws ADC_PROMPT_FILE naming the first wrong line and field. */
export async function readPrompts(root: string): Promise<Readonly<PromptFile>> {
  const path = promptPath(root);
  try {
    const before = known.get(path);
    if (before && stateOf(await stat(path, { bigint: true })) === before.state) return before.file;
    const { text, state } = await readSteady(path);
    const file = checkText(fileSchema, text, (misfit) => fail('ADC_PROMPT_FILE', { path, ...misfit }), 'JSON');
    known.delete(path);
    if (state !== undefined) known.set(path, { state, file });
    for (const oldest of known.keys()) if (known.size > KNOWN) known.delete(oldest);
    return file;
  } catch (error) {
    if (error instanceof CodedError) throw error;
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return { version: 1, prompts: {} };
    throw fail('ADC_PROMPT_FILE', { path, line: 1, field: 'the whole file', what: describeIoError(error) }, error);
  }
}

/** Replaces the file as a whole. @throws ADC_DISK. */
export async function writePrompts(root: string, file: PromptFile): Promise<void> {
  await writeFileAtomic(promptPath(root), new TextEncoder().encode(`${JSON.stringify(file, null, 2)}\n`));
}
