/** From cells to the table: rows of categories, means over them, and the three files. */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  CLICK_COUNTS,
  type MeasuredRow,
  MVTEC_COUNTS,
  mean,
  PUBLISHED,
  type Reproduction,
  reproductionMarkdown,
  reproductionPage,
  type TableName,
} from '@adclick/core/evaluation';
import { writeFileAtomic } from '@adclick/core/files';
import { fail } from '../../errors.ts';
import { type Answers, departuresOf } from './departures.ts';
import { detectionAnswer } from './detection.ts';
import { clicksAnswer } from './labels.ts';
import type { Plan, PlannedRow } from './plan.ts';
import type { FailedCell } from './run.ts';
import type { CellStore } from './store.ts';
import { standing } from './subjects.ts';

/** Reads the figures of a plan; those of cells that were not made are missing. @throws ADC_CELL. */
async function readAnswers({ rows }: Plan, store: CellStore): Promise<Answers> {
  const clicks = new Map();
  const detection = new Map();
  for (const { figures } of rows) {
    if (!('cell' in figures) || !store.has(figures.cell)) continue;
    if (figures.as === 'detection') detection.set(figures.cell, await store.answer(figures.cell, detectionAnswer));
    else clicks.set(figures.cell, await store.answer(figures.cell, clicksAnswer));
  }
  return { clicks, detection };
}

/** Keys of a detector's figures by the columns of tables. */
const DETECTION_KEYS = { AP: 'ap', PRO: 'pro', 'P-AUROC': 'pauroc', 'I-AUROC': 'iauroc' } as const;
const isDetectionKey = (column: string): column is keyof typeof DETECTION_KEYS => Object.hasOwn(DETECTION_KEYS, column);

/** Figures of a row in the order of the table's columns; undefined where its cell was not made. */
function valuesOf({ figures }: PlannedRow, table: TableName, answers: Answers): (number | undefined)[] | undefined {
  if ('missing' in figures) return undefined;
  if (figures.as === 'detection') {
    const of = answers.detection.get(figures.cell);
    return of && PUBLISHED[table].columns.map((name) => (isDetectionKey(name) ? of[DETECTION_KEYS[name]] : undefined));
  }
  const of = answers.clicks.get(figures.cell);
  if (!of) return undefined;
  return CLICK_COUNTS.flatMap((count) => {
    const { ap, pro, pauroc, miou } = of[figures.as][String(count)] ?? {};
    return [ap, pro, pauroc, miou];
  });
}

const meanOf = (rows: readonly (readonly (number | undefined)[])[]): (number | undefined)[] =>
  rows[0].map((_, i) => {
    const values = rows.flatMap((row) => row[i] ?? []);
    return values.length === rows.length ? mean(values) : undefined;
  });

/** What a mean over categories is called. */
function meanName(plan: Plan, categories: readonly string[]): string {
  const all = plan.subjects.chosen.filter(({ isKsdd }) => !isKsdd);
  const whole = all.length === Object.keys(MVTEC_COUNTS).length && all.every((each) => standing(each) === 'mvtec');
  const of =
    categories.length < all.length ? `${categories.length} of ${all.length} categories` : `${all.length} categories`;
  return whole && categories.length === all.length ? `MVTec AD, mean of ${all.length}` : `mean of ${of}`;
}

/** What the rows of a key are called: their method, with the key where another key's are called so too. */
function methodOf({ rows }: Plan, { method, key }: PlannedRow): string {
  return rows.some((other) => other.method === method && other.key !== key) ? `${method} (${key})` : method;
}

/** The rows of one key: the mean over its categories but KolektorSDD2's, then each. */
function rowsOfKey(plan: Plan, key: string, answers: Answers): MeasuredRow[] {
  const { table } = plan.settings;
  const rows = plan.rows.filter((row) => row.key === key);
  const [{ id, figures }] = rows;
  const method = methodOf(plan, rows[0]);
  const blank = PUBLISHED[table].columns.map(() => undefined);
  if ('missing' in figures)
    return [{ method, of: id, on: '–', values: blank, note: `not measured: ${figures.missing}` }];
  const single = rows.map((row): MeasuredRow => {
    const values = valuesOf(row, table, answers);
    return { method, of: id, on: row.category, values: values ?? blank, ...(!values && { note: 'failed' }) };
  });
  const ksdd = new Set(plan.subjects.chosen.filter(({ isKsdd }) => isKsdd).map(({ category }) => category));
  const pooled = single.filter(({ on, note }) => !ksdd.has(on) && note === undefined);
  if (pooled.length < 2) return single;
  const on = meanName(
    plan,
    pooled.map((row) => row.on),
  );
  return [{ method, of: id, on, values: meanOf(pooled.map(({ values }) => values)) }, ...single];
}

/** Everything that the outputs say. @throws ADC_CELL. */
export async function reproductionOf(
  plan: Plan,
  store: CellStore,
  failed: readonly FailedCell[],
  command: string,
): Promise<Reproduction> {
  const answers = await readAnswers(plan, store);
  const keys = [...new Set(plan.rows.map(({ key }) => key))];
  const made = await Promise.all(
    [...plan.cells.keys()].filter((name) => store.has(name)).map((name) => store.read(name)),
  );
  return {
    table: plan.settings.table,
    rows: keys.flatMap((key) => rowsOfKey(plan, key, answers)),
    departures: departuresOf(plan, answers),
    notes: failed.map(({ text, code, message }) => `Failed: ${text} (${code}: ${message}).`),
    command,
    hours: made.reduce((sum, { seconds }) => sum + seconds, 0) / 3600,
    machine: [...new Set(made.map(({ machine }) => machine))].join('; '),
  };
}

/** Writes the table as Markdown, JSON and a page. @returns the files. @throws ADC_DISK. */
export async function writeReproduction(folder: string, reproduction: Reproduction): Promise<string[]> {
  const { table } = reproduction;
  const { title, columns, rows } = PUBLISHED[table];
  const json = JSON.stringify({ ...reproduction, title, columns, published: rows }, undefined, 1);
  const contents = {
    md: `# ${reproductionMarkdown(reproduction).replace(/^#+ /, '')}`,
    json: `${json}\n`,
    html: reproductionPage(reproduction),
  };
  const files: string[] = [];
  for (const [ending, content] of Object.entries(contents)) {
    const path = join(folder, `${table}.${ending}`);
    await writeFileAtomic(path, new TextEncoder().encode(content));
    files.push(path);
  }
  return files;
}

/**
 * Puts the table into a document, between the lines `<!-- begin table1 -->` and `<!-- end table1 -->`; at its end where it has none.
 * @throws ADC_USAGE for a document with one of both lines, ADC_DISK.
 */
export async function writeDocument(path: string, reproduction: Reproduction): Promise<void> {
  const { table } = reproduction;
  const [begin, end] = [`<!-- begin ${table} -->`, `<!-- end ${table} -->`];
  const before = existsSync(path) ? await readFile(path, 'utf8') : '';
  const lineOf = (marker: string) => before.search(new RegExp(`^${marker}\\r?$`, 'm'));
  const [from, to] = [lineOf(begin), lineOf(end)];
  if (from < 0 !== to < 0 || to < from)
    throw fail('ADC_USAGE', { what: `${path} has only one of ${begin} and ${end}`, command: 'adclick reproduce' });
  const block = `${begin}\n${reproductionMarkdown(reproduction)}${end}`;
  const text =
    from < 0 ? `${before}${before && '\n'}${block}\n` : before.slice(0, from) + block + before.slice(to + end.length);
  await writeFileAtomic(path, new TextEncoder().encode(text));
}
