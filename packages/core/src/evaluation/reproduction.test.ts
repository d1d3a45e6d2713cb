/** Tables made again: published rows stand before ours, what is lost or missing is said, and both forms say the same. */
import { expect, test } from 'vitest';
import { type Reproduction, reproductionMarkdown, reproductionPage } from './reproduction.ts';

const made: Reproduction = {
  table: 'table4',
  rows: [
    { method: 'Ours', of: 'weak', on: 'mean of 2 categories', values: [0.7512, 0.98, undefined] },
    { method: 'A|B <maps>', on: 'tile', values: [undefined, undefined, undefined], note: 'failed' },
  ],
  departures: [{ what: 'network', how: 'small & our own, as `--limit 3` asks.' }],
  notes: ['Failed: maps of tile (ADC_MAPS: none).'],
  command: 'adclick reproduce table4 --data mvtec',
  hours: 0.5,
  machine: '2 threads',
};
const markdown = reproductionMarkdown(made);
const lines = markdown.split('\n');

test('our row follows its published counterparts', () => {
  const own = lines.indexOf('| **Ours** | mean of 2 categories | 75.1 | 98.0 | – | here |');
  expect(own).toBeGreaterThan(0);
  expect(lines[own - 3]).toContain('| 86.4 | 98.2 | 99.6 |');
  expect(lines[own - 1]).toContain('| leather | 80.2 | lost | lost |');
  expect(lines.at(lines.findIndex((line) => line.startsWith('| method')) + 2)).toMatch(/DevNet, DRA .* lost /);
});

test('what is missing is said, and a name cannot break the table', () => {
  expect(markdown).toContain('| **A\\|B <maps>** | tile | – | – | – | here; failed |');
  expect(markdown).toContain('Failed: maps of tile (ADC_MAPS: none).');
  expect(markdown).toContain('- network: small & our own, as `--limit 3` asks.');
  expect(markdown).toContain('30 minutes of computing, 2 threads.');
});

test('the page says the same and needs nothing but itself', () => {
  const page = reproductionPage(made);
  expect(page).toMatch(/<tr class="strong"><td>Ours<.*<td>75\.1<\/td>/);
  expect(page).toContain('as <code>--limit 3</code> asks');
  expect(page).toContain('A|B &lt;maps&gt;');
  expect(page).toContain('small &amp; our own');
  expect(page.match(/<tr[ >]/g)).toHaveLength(lines.filter((line) => line.startsWith('| ')).length);
  expect(page).not.toMatch(/src=|href=|@import|url\(/);
});
