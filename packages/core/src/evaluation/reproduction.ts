/** A table of the paper made again: the published rows beside ours, as Markdown and as one self-contained page, with every departure named. */
import { escapeHtml, htmlPage, htmlTable } from './page.ts';
import { PUBLISHED, type PublishedRow, type PublishedValue, type TableName } from './published.ts';

/** A row that was measured here. */
export interface MeasuredRow {
  readonly method: string;
  /** The row of the table that it is; undefined for methods that have none. */
  readonly of?: string;
  readonly on: string;
  /** Fractions of 1 in the order of the table's columns; undefined for figures that are not there. */
  readonly values: readonly (number | undefined)[];
  /** Why figures are missing, or what else is to be said of the row. */
  readonly note?: string;
}

/** What was not done as the paper does it. */
export interface Departure {
  readonly what: string;
  readonly how: string;
}

/** Everything that the outputs say. */
export interface Reproduction {
  readonly table: TableName;
  readonly rows: readonly MeasuredRow[];
  readonly departures: readonly Departure[];
  /** What somebody should know beside the departures; sentences. */
  readonly notes: readonly string[];
  /** What makes it again. */
  readonly command: string;
  /** Hours that the cells took, all processes together, and what computed them. */
  readonly hours: number;
  readonly machine: string;
}

/** A row as it is shown. */
interface ShownRow {
  readonly cells: readonly string[];
  readonly measured: boolean;
}

const published = (value: PublishedValue) => (value === 'lost' ? 'lost' : value.toFixed(1));
const measured = (value: number | undefined) => (value === undefined ? '–' : (100 * value).toFixed(1));

/** Published rows that nothing here is the counterpart of, then each of the others with ours behind it. */
function shownRows({ table, rows }: Reproduction): ShownRow[] {
  const of = PUBLISHED[table].rows;
  const ids = [...new Set(rows.map((row) => row.of))];
  const theirs = ({ method, on, values, source }: PublishedRow): ShownRow => ({
    cells: [method, on, ...values.map(published), source],
    measured: false,
  });
  const ours = ({ method, on, values, note }: MeasuredRow): ShownRow => ({
    cells: [method, on, ...values.map(measured), note === undefined ? 'here' : `here; ${note}`],
    measured: true,
  });
  const others = of.filter((row) => row.of === undefined || !ids.includes(row.of));
  return [
    ...others.map(theirs),
    ...ids.flatMap((id) => [
      ...of.filter((row) => id !== undefined && row.of === id).map(theirs),
      ...rows.filter((row) => row.of === id).map(ours),
    ]),
  ];
}

const headOf = (table: TableName) => ['method', 'pictures', ...PUBLISHED[table].columns, 'source'];
const number = (table: TableName) => table.replace('table', 'Table ');

const KEY = 'In %. "lost": published, but no source has it any more; "–": not measured.';

const madeIn = ({ hours, machine }: Reproduction) =>
  `${hours < 1 ? `${(60 * hours).toFixed(0)} minutes` : `${hours.toFixed(1)} hours`} of computing, ${machine}.`;

/** The table with its departures as Markdown, from the heading on. */
export function reproductionMarkdown(reproduction: Reproduction): string {
  const { table, departures, command } = reproduction;
  const { title, notes } = PUBLISHED[table];
  const line = (cells: readonly string[]) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  const head = headOf(table);
  const rule = head.map((_, i) => (i < 2 || i === head.length - 1 ? '---' : '--:'));
  const rows = shownRows(reproduction).map(({ cells, measured: ours }) =>
    line(ours ? cells.map((cell, i) => (i === 0 ? `**${cell}**` : cell)) : cells),
  );
  return [
    `## ${number(table)}: ${title}`,
    '',
    `\`${command}\``,
    '',
    line(head),
    `|${rule.join('|')}|`,
    ...rows,
    '',
    `${KEY} ${[...notes, ...reproduction.notes].join(' ')}`,
    '',
    'Departures from the published protocol:',
    '',
    ...departures.map(({ what, how }) => `- ${what}: ${how}`),
    '',
    madeIn(reproduction),
    '',
  ].join('\n');
}

/** Text of the Markdown, of which only code is marked up. */
const inline = (text: string) => escapeHtml(text).replace(/`([^`]+)`/g, '<code>$1</code>');

/** A table with ten columns and a source. */
const STYLE = `
main { max-width: 1560px; }
table { font-size: .875rem; }
th, td { padding: 4px 8px; }
th { white-space: normal; }`;

/** The same as a page that needs nothing but itself. */
export function reproductionPage(reproduction: Reproduction): string {
  const { table, departures, command } = reproduction;
  const { title, notes } = PUBLISHED[table];
  const head = headOf(table);
  const shown = shownRows(reproduction);
  const body = [
    `<header><h1>${number(table)}: ${escapeHtml(title)}</h1></header>`,
    htmlTable({
      caption: KEY,
      head,
      text: ['pictures', 'source'],
      rows: shown.map(({ cells }) => cells),
      strong: shown.flatMap((row, i) => (row.measured ? [i] : [])),
    }),
    ...[...notes, ...reproduction.notes].map((note) => `<p>${inline(note)}</p>`),
    '<h2>Departures from the published protocol</h2>',
    `<ul>\n${departures.map(({ what, how }) => `<li><b>${inline(what)}</b>: ${inline(how)}</li>`).join('\n')}\n</ul>`,
    `<footer><p>Made by <code>${escapeHtml(command)}</code></p>\n<p>${escapeHtml(madeIn(reproduction))}</p></footer>`,
  ];
  return htmlPage({ title: `${number(table)}: ${title}`, body: body.join('\n'), style: STYLE });
}
