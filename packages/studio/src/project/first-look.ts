/** What a new project's pictures are like, from one of each category: stacks usually come from one camera and one program. */
import { relative } from 'node:path';
import { readImage } from '@adclick/core';
import { pictureNotes } from '@adclick/core/image';
import { passOver } from '../log.ts';
import { categoriesOf } from './categories.ts';
import { goodPictures } from './category-pictures.ts';
import type { Project } from './project.ts';

/** Categories that are looked at; more of them come from one data set. */
const CATEGORIES = 20;

/** Sentences about the first good picture of each category, where there is something to know. One that cannot be read is told of by `index`. */
export async function firstNotes(project: Project): Promise<string[]> {
  const notes: string[] = [];
  for (const category of categoriesOf(project).slice(0, CATEGORIES)) {
    const [first] = await goodPictures(project, category);
    const image =
      first === undefined ? undefined : await readImage(first).catch(passOver('picture not read', { path: first }));
    if (first && image)
      for (const note of pictureNotes(image, undefined)) notes.push(`${relative(project.root, first)} ${note}.`);
  }
  return notes;
}
