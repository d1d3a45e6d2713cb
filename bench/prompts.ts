/**
 * `npm run bench:prompts [-- --json] [--limit N] [--weights FILE]`: what prompts do to labels from clicks, on the measured categories:
 * with the prompts of each picture's own defect type, without any, and with those of another product's defect.
 * A run over at least {@link ENOUGH} pictures a category writes docs/results.md, section "Prompts".
 */
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { openDataset } from '../packages/core/src/datasets/mvtec.ts';
import { DEFAULT_WEIGHTS } from '../packages/core/src/inference/labeler.ts';
import { objectName } from '../packages/core/src/language/prompts.ts';
import { ROOT, runScript, say } from './child.ts';
import { DATA, MEASURED } from './measured.ts';
import type { LabelledCategory } from './parts/label-category.ts';
import { machine, table, writeSection } from './results.ts';

/** Pictures a category, evenly spread, that are measured three times each: enough to tell prompts apart. */
const ENOUGH = 60;

const { values } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    /** 0 takes all pictures. */
    limit: { type: 'string', default: String(ENOUGH) },
    weights: { type: 'string', default: DEFAULT_WEIGHTS },
  },
});

const limit = Number(values.limit);

/** Which prompts guide the network. */
const GUIDES = { type: 'own type', none: 'none', wrong: "another product's" } as const;
type Guide = keyof typeof GUIDES;

/** The prompts of another category, the next in the list: its product and its first type. */
async function wrongFor(category: string): Promise<string[]> {
  const names: readonly string[] = MEASURED;
  const other = names[(names.indexOf(category) + 1) % names.length];
  const { defects } = await openDataset(DATA, other);
  return ['--prompt', defects[0].type, '--object', objectName(other)];
}

async function labelled(category: string, guide: Guide): Promise<LabelledCategory> {
  const result = await runScript<LabelledCategory>('parts/label-category.ts', [
    ...['--data', DATA, '--category', category, '--index', join(ROOT, '.adclick', 'bench', 'index', category)],
    ...['--weights', values.weights, '--limit', values.limit],
    ...(guide === 'wrong' ? await wrongFor(category) : ['--prompt', guide]),
  ]);
  say(`${category}, ${GUIDES[guide]}: AP ${percent(result.clicks['5'].ap)}, mIoU ${percent(result.clicks['5'].miou)}`);
  return result;
}

const percent = (value: number) => (100 * value).toFixed(1);
const COUNTS = ['1', '3', '5'] as const;

const results: { category: string; guides: Record<Guide, LabelledCategory> }[] = [];
for (const category of MEASURED) {
  const guides: Partial<Record<Guide, LabelledCategory>> = {};
  for (const guide of Object.keys(GUIDES) as Guide[]) guides[guide] = await labelled(category, guide);
  results.push({ category, guides: guides as Record<Guide, LabelledCategory> });
}
const mean = (guide: Guide, k: string, key: 'ap' | 'miou') =>
  results.reduce((sum, { guides }) => sum + guides[guide].clicks[k][key], 0) / results.length;

const rows = results.flatMap(({ category, guides }) =>
  (Object.keys(GUIDES) as Guide[]).map((guide, i) => [
    i === 0 ? category : '',
    GUIDES[guide],
    ...COUNTS.map((k) => `${percent(guides[guide].clicks[k].ap)} / ${percent(guides[guide].clicks[k].miou)}`),
  ]),
);
const means = (Object.keys(GUIDES) as Guide[]).map((guide, i) => [
  i === 0 ? '**mean of the six**' : '',
  GUIDES[guide],
  ...COUNTS.map((k) => `${percent(mean(guide, k, 'ap'))} / ${percent(mean(guide, k, 'miou'))}`),
]);
const content = [
  table(['category', 'prompts', ...COUNTS.map((k) => `${k} click${k === '1' ? '' : 's'}`)], [...rows, ...means]),
  `AP / mIoU in percent, the protocol of "Labels from clicks"${limit > 0 ? ` on at most ${limit} defects a category, evenly spread` : ''}. The prompts are the forty of the offline grammar; another product's are those of the next category of the list and its first type. ${machine()}.`,
].join('\n\n');
if (limit === 0 || limit >= ENOUGH) await writeSection('Prompts', content);
else say('A partial run: docs/results.md stays as it is.');
process.stdout.write(values.json ? `${JSON.stringify(results)}\n` : `${content}\n`);
