/**
 * `npm run bench:detectors [-- --json] [--category NAME …] [--setting NAME …] [--limit N] [--resume] [--no-write]`: detectors from ten
 * labels of five clicks beside the residual alone, and what language, abandoned pixels, pretraining and true masks have to do with it.
 * A run over all categories, pictures and settings writes docs/results.md, section "Detectors from labels", and the README's table.
 */
import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import type { DetectionFigures } from '../packages/core/src/evaluation/detection.ts';
import type { Interval, KindDecisions } from '../packages/core/src/inference/decisions.ts';
import { ROOT, runScript } from './child.ts';
import { DATA, DETECTED, SETTINGS, type Setting } from './measured.ts';
import type { DetectorSettings } from './parts/detector-settings.ts';
import { machine, table, writeReadme, writeSection } from './results.ts';

const { values } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    category: { type: 'string', multiple: true },
    /** Which to measure. */
    setting: { type: 'string', multiple: true, default: [...SETTINGS] },
    /** Test pictures of each kind, evenly spread; 0 takes all. */
    limit: { type: 'string', default: '0' },
    /** Measures only what earlier runs of the same kind have not kept in their files. */
    resume: { type: 'boolean', default: false },
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

/** Measures one category and keeps what came of it: all of them take longer than one would like to repeat. */
async function measured(category: string): Promise<DetectorSettings> {
  const file = join(ROOT, '.adclick', 'bench', 'detectors', `${category}-${values.limit}.json`);
  const earlier = values.resume && existsSync(file);
  const kept = earlier ? (JSON.parse(await readFile(file, 'utf8')) as DetectorSettings) : undefined;
  const missing = values.setting.filter((setting) => !kept?.figures[setting as Setting]);
  if (kept && missing.length === 0) return kept;
  const made = await runScript<DetectorSettings>('parts/detector-settings.ts', [
    ...['--data', DATA, '--category', category, '--limit', values.limit],
    ...['--index', join(ROOT, '.adclick', 'bench', 'index', category)],
    ...missing.flatMap((setting) => ['--setting', setting]),
  ]);
  const result = {
    ...{ ...kept, ...made },
    figures: { ...kept?.figures, ...made.figures },
    decisions: { ...kept?.decisions, ...made.decisions },
  };
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, JSON.stringify(result));
  return result;
}

const results: Record<string, DetectorSettings> = {};
for (const category of categories) results[category] = await measured(category);

const all = Object.entries(results);
const shown = (figures: readonly number[]) => figures.map((value) => (100 * value).toFixed(1)).join(' / ');
type Figures = Partial<Record<Setting, DetectionFigures>>;
/** Means over the categories; of settings that all of them have. */
const mean: Figures = Object.fromEntries(
  SETTINGS.filter((setting) => all.every(([, { figures }]) => figures[setting])).map((setting) => {
    const of = (key: keyof DetectionFigures) =>
      all.reduce((sum, [, { figures }]) => sum + (figures[setting] as DetectionFigures)[key], 0) / all.length;
    return [setting, { ap: of('ap'), pro: of('pro'), pauroc: of('pauroc'), iauroc: of('iauroc') }];
  }),
);
const cells = (figures: Figures) =>
  SETTINGS.map((setting) => {
    const each = figures[setting];
    return each ? shown([each.ap, each.pro, each.pauroc, each.iauroc]) : '–';
  });
const rows = [
  ...all.map(([category, { figures }]) => [category, ...cells(figures)]),
  ...(all.length > 1 ? [['**mean**', ...cells(mean)]] : []),
];
const counts = all.map(([category, { good, defects, picks }]) => `${category} ${good} + ${defects} (${picks})`);
const decided = all.map(
  ([category, { notes = ['not measured.'], network = true }]) =>
    `${category}: ${notes.join(' ')}${network ? '' : " The weak figures are the residual's."}`,
);
const one = (value: number) => (100 * value).toFixed(1);
const between = (value: number, [low, high]: Interval) => `${one(value)} (${one(low)}–${one(high)})`;
const DECIDED = { unsupervised: 'good pictures', weak: 'ten labels' } as const;
const decisionRows = all.flatMap(([category, { decisions }]) =>
  (['unsupervised', 'weak'] as const).flatMap((setting) => {
    const of = decisions?.[setting];
    if (!of) return [];
    const { missed, falseAlarms, intervals, balancedError, best, auroc } = of;
    return [
      [
        ...[category, DECIDED[setting], between(missed, intervals.missed), between(falseAlarms, intervals.falseAlarms)],
        ...[balancedError, best.balancedError, auroc].map(one),
      ],
    ];
  }),
);
const kindRows = all.flatMap(([category, { decisions }]) => {
  const { types = [], sizes = [] } = decisions?.weak ?? {};
  const row = (name: string, { pictures, missed, interval, auroc }: KindDecisions) => [
    ...[category, name, String(pictures), between(missed, interval), one(auroc)],
  ];
  return [
    ...types.map((each) => row(each.type, each)),
    ...sizes.map((each) => row(`${100 * each.from}–${100 * each.to} % of the area`, each)),
  ];
});
const text = `AP / PRO / P-AUROC / I-AUROC in percent, after ten labels of five simulated clicks each. Labelled pictures have left the test set.

${table(['category', ...SETTINGS.map((setting) => TITLES[setting])], rows)}

"Unsupervised" is the residual alone. "Weak" is what \`adclick evaluate detection --labels 10 --label-clicks 5\` trains: pseudo labels from clicks,
prompts of the defect types, unsure pixels abandoned, beginning with the click model's weights. The others leave one of these out, or
train on the true masks instead of clicks; they are as much trusted as the weak one, and shown whether or not they would have been used
(–: not measured).
Test pictures, good + defective (how the ten were picked): ${counts.join(', ')}.

### At the threshold that a detector ships with

Escapes and overkill in percent of the test pictures, each with the interval that so many pictures allow (95 %), the balanced error beside that of
the best threshold for these pictures, and the image AUROC.

${table(['category', 'from', 'missed', 'false alarms', 'balanced error', 'at best', 'image AUROC'], decisionRows)}

By type of defect and by its share of the picture's area, ten labels:

${table(['category', 'defects', 'pictures', 'missed', 'image AUROC'], kindRows)}

What held-out labels said of "weak":

${decided.map((line) => `- ${line}`).join('\n')}

${machine()}.`;

const whole = values.limit === '0' && values.category === undefined && SETTINGS.every((setting) => mean[setting]);
if (whole && !values['no-write']) {
  await writeSection('Detectors from labels', text);
  // Pixels without clicks, before and after ten labels.
  const summary = (['unsupervised', 'weak'] as const).map((setting) => [
    setting === 'weak' ? 'ten labels of five clicks' : 'good pictures alone',
    ...[...all.map(([, { figures }]) => figures), mean].map((figures) => {
      const { ap, pro } = figures[setting] as DetectionFigures;
      return shown([ap, pro]);
    }),
  ]);
  await writeReadme(
    'detectors',
    `${table(['AP / PRO in percent, from', ...categories, 'mean'], summary)}

Detectors without clicks, on pictures that neither training nor labels saw.`,
  );
}
process.stdout.write(values.json ? `${JSON.stringify(results)}\n` : `${text}\n`);
