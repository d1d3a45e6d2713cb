/** The categories that a table is made of: which of a folder's serve, and what is in them. */
import { readdir } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { type Dataset, openCategory } from '@adclick/core/datasets';
import { fail as failCore } from '@adclick/core/errors';
import { mvtecName, type TableName } from '@adclick/core/evaluation';
import { isFolder, naturalOrder, withSlashes } from '@adclick/core/files';
import { readImageSize } from '@adclick/core/image';
import { toCoded } from '../../errors.ts';
import type { WorkOptions } from '../../jobs/progress.ts';
import { type Pictures, sha256, sha256OfFile } from './cells.ts';

/** A category with defects and masks. */
export interface Subject {
  readonly category: string;
  readonly dataset: Dataset;
  /** KolektorSDD2, or what stands in for it. */
  readonly isKsdd: boolean;
}

/** One that rows are made of. */
export interface ChosenSubject extends Subject {
  /** Of its first good picture. */
  readonly size: { readonly width: number; readonly height: number };
}

/** A folder that no row is made of, and why. */
export interface LeftOut {
  readonly category: string;
  readonly why: string;
}

export interface Subjects {
  readonly chosen: readonly ChosenSubject[];
  /** Everything with defects and masks, also what was not chosen: networks may be pretrained on it. */
  readonly all: readonly Subject[];
  /** None where categories were asked for by name. */
  readonly leftOut: readonly LeftOut[];
}

const isKsdd = (category: string, { layout }: Dataset) => layout === 'ksdd2' || /^(ksdd|kolektor)/i.test(category);

/** A category's name without the size of its pictures: `mvtec_bottle_900` shows what `mvtec_bottle` shows. */
const productOf = (category: string) => category.replace(/_\d+$/, '');

/** Whether two categories show the same product, so that what has learnt on one has seen the other. */
export const sameProduct = (a: string, b: string): boolean => productOf(a) === productOf(b);

/** Whether weights say that they were trained on a category. Another data set may have a product of that name with a number behind it. */
export const hasSeen = (trainedOn: string, category: string): boolean =>
  trainedOn
    .split(/[,;]\s*/)
    .map((part) => part.replace(/ \(.*\)$/, ''))
    .some((name) => name === category || name === productOf(category));

/** Why a folder is no category, without where the data lies, which differs from computer to computer. */
function reasonOf(error: unknown, data: string): string {
  const { message, details } = toCoded(error);
  return String(details.what ?? message).replaceAll(join(data, '/'), '');
}

/** Opens every folder that is a category with defects; the others are left out with a reason. */
async function openAll(data: string): Promise<{ all: Subject[]; leftOut: LeftOut[] }> {
  if (!(await isFolder(data))) throw failCore('ADC_DATASET', { path: data, what: 'is not a folder' });
  const entries = await readdir(data, { withFileTypes: true });
  const names = entries.filter((entry) => entry.isDirectory() || entry.isSymbolicLink()).map(({ name }) => name);
  const [all, leftOut]: [Subject[], LeftOut[]] = [[], []];
  for (const category of names.filter((name) => !name.startsWith('.')).sort(naturalOrder)) {
    try {
      const dataset = await openCategory(data, category);
      if (dataset.defects.length > 0) all.push({ category, dataset, isKsdd: isKsdd(category, dataset) });
      else leftOut.push({ category, why: 'no defects with masks' });
    } catch (error) {
      leftOut.push({ category, why: reasonOf(error, data) });
    }
  }
  return { all, leftOut };
}

/** The category that shows the same product under the plain name; undefined where there is none beside it. */
const plainOf = ({ category }: Subject, all: readonly Subject[]) =>
  all.find((other) => other.category !== category && other.category === productOf(category));

/** Whether a category is another one again, in another size. */
export const isRepeated = (subject: Subject, all: readonly Subject[]): boolean => plainOf(subject, all) !== undefined;

/** Why a category is none of those that a table takes by itself; undefined for one that it takes. */
function objection(table: TableName, subject: Subject, all: readonly Subject[]): string | undefined {
  const plain = plainOf(subject, all);
  if (plain) return `the same product as ${plain.category}`;
  if (table === 'table6' && !subject.isKsdd) return 'Table 6 is of KolektorSDD2';
  if (table !== 'table1' && table !== 'table6' && subject.isKsdd) return 'KolektorSDD2 has a table of its own, Table 6';
  const tested = table !== 'table1' && table !== 'table7';
  if (tested && subject.dataset.testGood.length === 0) return 'no good pictures to test on';
  return undefined;
}

/**
 * Chooses the categories of a table.
 * @param names those that are asked for; by default all that the table takes.
 * @param trainedOn what the weights that everything starts from have seen; a category among it is left out.
 * @throws ADC_DATASET for a category that is asked for and cannot serve, or when none is left; what reading a picture throws.
 */
export async function findSubjects(
  table: TableName,
  data: string,
  names: readonly string[] | undefined,
  trainedOn: string | undefined,
): Promise<Subjects> {
  const { all, leftOut } = await openAll(data);
  const seen = (category: string) => trainedOn !== undefined && hasSeen(trainedOn, category);
  for (const name of names ?? []) {
    const why = seen(name) ? 'the weights have seen it; --pretrain trains some that have not' : undefined;
    const what = why ?? leftOut.find(({ category }) => category === name)?.why;
    if (what !== undefined) throw failCore('ADC_DATASET', { path: join(data, name), what });
    if (all.some(({ category }) => category === name)) continue;
    throw failCore('ADC_DATASET', {
      path: data,
      what: `no category '${name}'; there ${all.length > 0 ? `are ${all.map((each) => each.category).join(', ')}` : 'are none'}`,
    });
  }
  const chosen: Subject[] = [];
  for (const subject of all) {
    const { category } = subject;
    if (names) {
      if (names.includes(category)) chosen.push(subject);
      continue;
    }
    const why = seen(category) ? 'seen by the weights' : objection(table, subject, all);
    if (why === undefined) chosen.push(subject);
    else leftOut.push({ category, why });
  }
  if (chosen.length === 0) {
    const reasons = leftOut.map(({ category, why }) => `${category}: ${why}`).join('; ');
    throw failCore('ADC_DATASET', { path: data, what: `no category for this table${reasons ? ` (${reasons})` : ''}` });
  }
  const sized = await Promise.all(
    chosen.map(async (subject) => ({ ...subject, size: await readImageSize(subject.dataset.normals[0]) })),
  );
  return { chosen: sized, all, leftOut: names ? [] : leftOut };
}

/** Files read at once. */
const PARALLEL = 8;

/** A file, and what it is for. */
export interface InRole {
  readonly role: string;
  readonly path: string;
}

/** SHA-256 of what files are for, of their names and contents, in whatever order; names are their ways from a folder. */
export async function contentOf(root: string, files: readonly InRole[], signal?: AbortSignal): Promise<string> {
  const lines: string[] = [];
  for (let from = 0; from < files.length; from += PARALLEL) {
    signal?.throwIfAborted();
    const part = files.slice(from, from + PARALLEL);
    const hashes = await Promise.all(part.map(({ path }) => sha256OfFile(path)));
    lines.push(...part.map(({ role, path }, i) => `${role} ${withSlashes(relative(root, path))} ${hashes[i]}`));
  }
  return sha256(lines.sort().join('\n'));
}

/** What a category holds, by role and content: cells made of other pictures, or of the same ones divided otherwise, are other cells. */
export async function picturesOf(data: string, subject: Subject, work: WorkOptions = {}): Promise<Pictures> {
  const { category, dataset } = subject;
  const files = [
    ...dataset.normals.map((path) => ({ role: 'normal', path })),
    ...dataset.testGood.map((path) => ({ role: 'good', path })),
    ...dataset.defects.flatMap(({ type, name, path, maskPaths }) => [
      { role: `defect ${type}/${name}`, path },
      ...maskPaths.map((mask) => ({ role: `mask ${type}/${name}`, path: mask })),
    ]),
  ];
  return { category, content: await contentOf(join(data, category), files, work.signal) };
}

/** Where a category stands: one of MVTec AD by its name there. */
export const standing = ({ category, isKsdd }: Subject): 'mvtec' | 'ksdd' | 'other' =>
  isKsdd ? 'ksdd' : mvtecName(category) === undefined ? 'other' : 'mvtec';
