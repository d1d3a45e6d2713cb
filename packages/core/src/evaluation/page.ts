/** A self-contained HTML page: nothing is fetched, light or dark by the reader's setting, and it prints well. */

/** "1 click", "3 clicks". */
export const clicksText = (count: number): string => `${count} click${count === 1 ? '' : 's'}`;

/** Text made safe inside elements and attributes. */
export const escapeHtml = (text: string): string =>
  text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll("'", '&#39;');

const STYLE = `
:root {
  color-scheme: light dark;
  --ground: #f6f7f9; --card: #ffffff; --ink: #17202b; --quiet: #5a6675; --line: #dfe4ea; --accent: #2563c9;
  --series-1: #2563c9; --series-2: #c2570c; --series-3: #0f7b6c; --series-4: #a3327f;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #11161c; --card: #1a212a; --ink: #e8edf3; --quiet: #9aa7b6; --line: #2e3845; --accent: #7db0ff;
    --series-1: #7db0ff; --series-2: #f0a35e; --series-3: #4fc7b3; --series-4: #e588c6;
  }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--ink); font: 16px/1.55 system-ui, "Segoe UI", Roboto, "Helvetica Neue", sans-serif; }
main { max-width: 1180px; margin: 0 auto; padding: 40px 24px 64px; }
h1 { font-size: 2rem; line-height: 1.2; margin: 0 0 4px; letter-spacing: -.02em; }
h2 { font-size: 1.25rem; margin: 48px 0 4px; letter-spacing: -.01em; }
p { margin: 4px 0 12px; max-width: 72ch; }
.quiet, figcaption, .unit { color: var(--quiet); }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); gap: 12px; margin: 24px 0; padding: 0; list-style: none; }
.cards li, .panel { background: var(--card); border: 1px solid var(--line); border-radius: 12px; padding: 14px 16px; }
.cards strong { display: block; font-size: 1.75rem; line-height: 1.2; font-weight: 650; font-variant-numeric: tabular-nums; }
.cards span { color: var(--quiet); font-size: .875rem; }
.side-by-side { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 340px), 1fr)); gap: 16px; margin: 12px 0; }
.chart { display: block; width: 100%; height: auto; font: 12px system-ui, "Segoe UI", Roboto, sans-serif; }
.chart text { fill: var(--quiet); }
.chart .chart-title { fill: var(--ink); font-size: 14px; font-weight: 600; }
.chart .grid { stroke: var(--line); }
.chart .curve { fill: none; stroke-width: 2; stroke-linejoin: round; }
.chart .band { opacity: .16; stroke: none; }
.s1 { stroke: var(--series-1); } .band.s1, .dot.s1 { fill: var(--series-1); }
.s2 { stroke: var(--series-2); stroke-dasharray: 7 3; } .band.s2, .dot.s2 { fill: var(--series-2); }
.s3 { stroke: var(--series-3); stroke-dasharray: 2 3; } .band.s3, .dot.s3 { fill: var(--series-3); }
.s4 { stroke: var(--series-4); stroke-dasharray: 9 3 2 3; } .band.s4, .dot.s4 { fill: var(--series-4); }
.dot { stroke-dasharray: none; }
.table { overflow-x: auto; }
:not(.side-by-side) > .table + .table { margin-top: 12px; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; font-size: .925rem; }
caption { text-align: left; color: var(--quiet); padding: 4px 0; }
th, td { text-align: right; padding: 6px 12px; border-bottom: 1px solid var(--line); white-space: nowrap; }
th:first-child, td:first-child, .text { text-align: left; }
th { font-weight: 600; color: var(--quiet); }
.strong td { font-weight: 600; }
.shots { display: grid; align-items: start; grid-template-columns: repeat(auto-fill, minmax(min(100%, 250px), 1fr)); gap: 16px; margin: 12px 0; }
figure { margin: 0; background: var(--card); border: 1px solid var(--line); border-radius: 12px; overflow: hidden; }
figure > svg { display: block; width: 100%; height: auto; max-height: 460px; background: var(--line); }
figcaption { padding: 8px 12px 10px; font-size: .875rem; line-height: 1.4; overflow-wrap: anywhere; }
figcaption b { color: var(--ink); font-weight: 600; }
.truth, .predicted { vector-effect: non-scaling-stroke; stroke-linejoin: round; }
.truth { fill: none; stroke: #38e1ff; stroke-width: 1.75; stroke-dasharray: 5 3; filter: drop-shadow(0 0 1px #000); }
.predicted { fill: #ff7a1a; fill-opacity: .22; fill-rule: evenodd; stroke: #ff7a1a; stroke-width: 1.75; filter: drop-shadow(0 0 1px #000); }
.click circle { stroke: #fff; } .click path { stroke: #fff; stroke-linecap: round; fill: none; }
.positive circle { fill: #0a8f3c; } .negative circle { fill: #d11a2a; }
.key { display: flex; flex-wrap: wrap; gap: 6px 20px; margin: 8px 0; padding: 0; list-style: none; font-size: .875rem; color: var(--quiet); }
.key svg { width: 22px; height: 12px; margin-right: 6px; vertical-align: -1px; }
code { font: .9em ui-monospace, "SF Mono", Consolas, monospace; }
footer { margin-top: 48px; border-top: 1px solid var(--line); padding-top: 16px; font-size: .9rem; }
@media print {
  :root { --ground: #fff; --card: #fff; --ink: #000; --quiet: #444; --line: #ccc; --series-1: #2563c9; --series-2: #c2570c; --series-3: #0f7b6c; --series-4: #a3327f; }
  body { font-size: 11pt; } main { max-width: none; padding: 0; }
  figure, .cards li, .panel, tr { break-inside: avoid; } h2 { break-after: avoid; }
  * { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
}`;

/** A whole document around a body; `style` is added to the page's own. */
export const htmlPage = ({ title, body, style = '' }: { title: string; body: string; style?: string }): string =>
  `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="generator" content="ADClick">
<title>${escapeHtml(title)}</title>
<style>${STYLE}${style}</style>
</head>
<body>
<main>
${body}
</main>
</body>
</html>
`;

/** Headline figures. */
export const figureCards = (cards: readonly { readonly value: string; readonly label: string }[]): string =>
  `<ul class="cards">\n${cards
    .map(({ value, label }) => `<li><strong>${escapeHtml(value)}</strong><span>${escapeHtml(label)}</span></li>`)
    .join('\n')}\n</ul>`;

/** A table whose cells are text; those of columns named in `text` are set left, rows whose numbers are in `strong` stand out. */
export function htmlTable({
  caption,
  head,
  rows,
  text = [],
  strong = [],
}: {
  readonly caption: string;
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
  readonly text?: readonly string[];
  readonly strong?: readonly number[];
}): string {
  const kind = head.map((name) => (text.includes(name) ? ' class="text"' : ''));
  const header = head.map((name, i) => `<th scope="col"${kind[i]}>${escapeHtml(name)}</th>`).join('');
  const body = rows.map((row, n) => {
    const cells = row.map((cell, i) => `<td${kind[i]}>${escapeHtml(cell)}</td>`);
    return `<tr${strong.includes(n) ? ' class="strong"' : ''}>${cells.join('')}</tr>`;
  });
  return `<div class="panel table"><table>
<caption>${escapeHtml(caption)}</caption>
<thead><tr>${header}</tr></thead>
<tbody>
${body.join('\n')}
</tbody>
</table></div>`;
}
