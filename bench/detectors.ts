/**
 * `npm run bench:detectors [-- --json] [--category NAME …] [--limit N] [--no-write]`: detectors from ten labels of five clicks beside the
 * residual alone, and what language, abandoned pixels, pretraining and true masks have to do with it.
 * A run over all categories and pictures writes docs/results.md, section "Detectors from labels".
 */
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { ROOT, runScript } from './child.ts';
import { DATA, DETECTED, SETTINGS, type Setting } from './measured.ts';
import type { DetectorSettings } from './parts/detector-settings.ts';
import { machine, table, writeSection } from './results.ts';

const { values } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    category: { type: 'string', multiple: true },
    /** Test pictures of each kind, evenly spread; 0 takes all. */
    limit: { type: 'string', default: '0' },
    'no-write': { type: 'boolean', default: false },
  },
});
const categories: readonly string[] = values.category ?? DETECTED;

/** What the table calls a setting. */
const TITLES: Readonly<Record<Setting, string>> = {
  unsupervised: 'unsupervised',
  weak: '**weak**',
  language: 'weak − language',
  abandon: 'weak − abandon',
  pretraining: 'weak − pretraining',
  'full masks': 'full masks',
};
const KEYS = ['ap', 'pro', 'pauroc', 'iauroc'] as const;

const results: Record<string, DetectorSettings> = {};
for (const category of categories)
  results[category] = await runScript<DetectorSettings>('parts/detector-settings.ts', [
    ...['--data', DATA, '--category', category, '--limit', values.limit],
    ...['--index', join(ROOT, '.adclick', 'bench', 'index', category)],
  ]);

const all = Object.entries(results);
const shown = (figures: readonly number[]) => figures.map((value) => (100 * value).toFixed(1)).join(' / ');
const meanOf = (setting: Setting) =>
  KEYS.map((key) => all.reduce((sum, [, { figures }]) => sum + figures[setting][key], 0) / all.length);
const cells = (of: (setting: Setting) => readonly number[]) => SETTINGS.map((setting) => shown(of(setting)));
const rows = [
  ...all.map(([category, { figures }]) => [category, ...cells((setting) => KEYS.map((key) => figures[setting][key]))]),
  ...(all.length > 1 ? [['**mean**', ...cells(meanOf)]] : []),
];
const counts = all.map(([category, { good, defects, picks }]) => `${category} ${good} + ${defects} (${picks})`);
const decided = all.map(
  ([category, { notes, network }]) =>
    `${category}: ${notes.join(' ')}${network ? '' : " The weak figures are the residual's."}`,
);
const minutes = all.map(([, { seconds }]) => seconds.weak / 60);
const text = `AP / PRO / P-AUROC / I-AUROC in percent, after ten labels of five simulated clicks each. Labelled pictures have left the test set.

${table(['category', ...SETTINGS.map((setting) => TITLES[setting])], rows)}

"Unsupervised" is the residual alone. "Weak" is what \`adclick evaluate detection --labels 10 --label-clicks 5\` trains: pseudo labels from clicks,
prompts of the defect types, unsure pixels abandoned, beginning with the click model's weights. The others leave one of these out, or
train on the true masks instead of clicks; they are as much trusted as the weak one, and shown whether or not they would have been used.
Test pictures, good + defective (how the ten were picked): ${counts.join(', ')}.

What held-out labels said of "weak":

${decided.map((line) => `- ${line}`).join('\n')}

Training on prepared pictures took ${Math.min(...minutes).toFixed(1)} to ${Math.max(...minutes).toFixed(1)} minutes, folds included. ${machine()}.`;

if (!values['no-write'] && values.limit === '0' && values.category === undefined)
  await writeSection('Detectors from labels', text);
process.stdout.write(values.json ? `${JSON.stringify(results)}\n` : `${text}\n`);
