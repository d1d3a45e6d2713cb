/** Measured tables in docs/results.md: each script owns the text between its pair of markers, and only that. */
import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { availableParallelism, cpus, totalmem } from 'node:os';
import { dirname, join } from 'node:path';
import { ROOT } from './child.ts';

const RESULTS = join(ROOT, 'docs', 'results.md');

const HEAD = `# Results

Every table here is written by a script in \`bench/\`; bench/README.md says how to run them and what is compared with what.
`;

/** Sections in the order they stand in the file. */
const SECTIONS = [
  'Labels from clicks',
  'Prompts',
  'Detectors from labels',
  'Speed',
  'Detection speed',
  'Rivals',
  'Labelling page',
  'Growth',
  'Durability',
  'Load',
] as const;

/** Title of a section. */
export type Section = (typeof SECTIONS)[number];

const markers = (section: Section): [begin: string, end: string] => {
  const key = section.toLowerCase().replaceAll(' ', '-');
  return [`<!-- begin ${key} -->`, `<!-- end ${key} -->`];
};

/** `text` with the section's content replaced; a section that is not there yet is put at its place in the order. */
export function replaceSection(text: string, section: Section, content: string): string {
  const [begin, end] = markers(section);
  const block = `${begin}\n## ${section}\n\n${content.trim()}\n${end}`;
  const from = text.indexOf(begin);
  const to = text.indexOf(end);
  if (from >= 0 && to > from) return text.slice(0, from) + block + text.slice(to + end.length);
  const later = SECTIONS.slice(SECTIONS.indexOf(section) + 1);
  const next = later.map((other) => text.indexOf(markers(other)[0])).find((at) => at >= 0);
  if (next === undefined) return `${text.trimEnd()}\n\n${block}\n`;
  return `${text.slice(0, next).trimEnd()}\n\n${block}\n\n${text.slice(next)}`;
}

/** Writes a section of docs/results.md. */
export async function writeSection(section: Section, content: string): Promise<void> {
  const before = existsSync(RESULTS) ? await readFile(RESULTS, 'utf8') : HEAD;
  await mkdir(dirname(RESULTS), { recursive: true });
  await writeFile(RESULTS, replaceSection(before, section, content));
}

const README = join(ROOT, 'README.md');

/** Writes the figures that the README quotes from one script, between that script's markers. */
export async function writeReadme(script: 'clicks' | 'detectors' | 'speed', content: string): Promise<void> {
  const begin = `<!-- begin ${script}: written by \`npm run bench:${script}\` -->`;
  const end = `<!-- end ${script} -->`;
  const text = await readFile(README, 'utf8');
  const [from, to] = [text.indexOf(begin), text.indexOf(end)];
  if (from < 0 || to < from) throw new Error(`README.md has lost its markers of ${script}`);
  await writeFile(README, `${text.slice(0, from + begin.length)}\n${content.trim()}\n${text.slice(to)}`);
}

/** A Markdown table; the first column is left-aligned, the others right. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  const rule = `|${head.map((_, column) => (column === 0 ? '---' : '---:')).join('|')}|`;
  return [line(head), rule, ...rows.map(line)].join('\n');
}

/** Processor, cores and memory in words, for the line below a table. */
export function machine(): string {
  const model = cpus()[0]?.model.trim() || process.arch;
  const cores = availableParallelism();
  return `${model}, ${cores} core${cores === 1 ? '' : 's'}, ${Math.round(totalmem() / 2 ** 30)} GB, Node ${process.versions.node}`;
}

/** The p-quantile by linear interpolation, p in [0,1]. */
export function quantile(values: readonly number[], p: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const at = p * (sorted.length - 1);
  const low = sorted[Math.floor(at)];
  return low + (sorted[Math.ceil(at)] - low) * (at - Math.floor(at));
}

/** Middle value. */
export const median = (values: readonly number[]): number => quantile(values, 0.5);

/** p50 and p95, to a tenth. */
export const spread = (values: readonly number[]): { p50: number; p95: number } => ({
  p50: round(quantile(values, 0.5), 1),
  p95: round(quantile(values, 0.95), 1),
});

/** Rounded to `digits` decimals. */
export const round = (value: number, digits: number): number => Number(value.toFixed(digits));
