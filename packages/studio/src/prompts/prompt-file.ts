/** The prompts of a project on disk: `.adclick/prompts.json`, which people may edit. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describeIoError, promptFault, writeFileAtomic } from '@adclick/core';
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

/** Reads the prompts; none where there is no file. @throws ADC_PROMPT_FILE naming the first wrong line and field. */
export async function readPrompts(root: string): Promise<PromptFile> {
  const path = promptPath(root);
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return { version: 1, prompts: {} };
    throw fail('ADC_PROMPT_FILE', { path, line: 1, field: 'the whole file', what: describeIoError(error) }, error);
  }
  return checkText(fileSchema, text, (misfit) => fail('ADC_PROMPT_FILE', { path, ...misfit }), 'JSON');
}

/** Replaces the file as a whole. @throws ADC_DISK. */
export async function writePrompts(root: string, file: PromptFile): Promise<void> {
  await writeFileAtomic(promptPath(root), new TextEncoder().encode(`${JSON.stringify(file, null, 2)}\n`));
}
