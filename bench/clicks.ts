/**
 * `npm run bench:clicks [-- --json] [--limit N] [--weights FILE] [--categories a,b] [--no-yardsticks] [--yardstick-limit N] [--only-yardsticks] [--clicks N]`:
 * labels from simulated clicks on every category that the weights have not seen, beside GrabCut and random walker.
 * A run over everything writes docs/results.md, section "Labels from clicks", and docs/results/clicks.json.
 */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { DEFAULT_WEIGHTS } from '../packages/core/src/inference/labeler.ts';
import { modelPath } from '../packages/core/src/models.ts';
import { loadClickWeights } from '../packages/core/src/networks/click-weights.ts';
import { BENCH, ROOT, runPython, runScript, say } from './child.ts';
import { allCategories, DATA, MEASURED } from './measured.ts';
import type { LabelledCategory } from './parts/label-category.ts';
import { findPython } from './python.ts';
import { machine, table, writeReadme, writeSection } from './results.ts';

const { values } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    /** Images a category, evenly spread; 0 takes all. */
    limit: { type: 'string', default: '0' },
    weights: { type: 'string', default: DEFAULT_WEIGHTS },
    categories: { type: 'string' },
    'no-yardsticks': { type: 'boolean', default: false },
    /** Images a category for GrabCut and random walker, which take seconds a click; 0 takes all. */
    'yardstick-limit': { type: 'string', default: '60' },
    /** Only fills the cache of the yardsticks. */
    'only-yardsticks': { type: 'boolean', default: false },
    clicks: { type: 'string', default: '5' },
  },
});

const FIGURES = ['ap', 'pro', 'pauroc', 'miou'] as const;
type Figures = Readonly<Record<(typeof FIGURES)[number], number>>;
type ByClicks = Readonly<Record<string, Figures>>;

interface Yardstick {
  readonly images: number;
  readonly clicks: ByClicks;
  readonly msPerClick: number;
}
interface Yardsticks {
  readonly category: string;
  readonly available: number;
  readonly methods: Readonly<Record<string, Yardstick>>;
  readonly opencv: string;
  readonly skimage: string;
}
interface Row {
  readonly ours: LabelledCategory;
  readonly yardsticks: Yardsticks | null;
}

/** A category of very long images. */
const STRIPS = 'aitex_fabric_02';

/** The same network with everything above the threshold in the mask. */
const AS_PAPER = 'without rules';
/** The rules again, for an annotator who does not aim. */
const OFF_CENTRE = 'clicks off centre';

const METHODS = { grabcut: 'GrabCut', randomWalker: 'random walker' } as const;

const cache = join(ROOT, '.adclick', 'bench');

const RESULTS = join(ROOT, 'docs', 'results', 'clicks.json');

/** What the last run over everything found: yardsticks do not depend on us, and need not be there to measure us. */
async function yardsticksBefore(category: string): Promise<Yardsticks | null> {
  const { categories } = JSON.parse(await readFile(RESULTS, 'utf8')) as {
    categories: { category: string; yardsticks: Yardsticks | null }[];
  };
  return categories.find((each) => each.category === category)?.yardsticks ?? null;
}

/** Yardsticks of one category; kept between runs, since they do not depend on the weights. */
async function yardsticksOf(
  python: string | undefined,
  category: string,
  limit: string,
  clicks: string,
): Promise<Yardsticks | null> {
  // On strips the random walker takes minutes an image.
  if (category === STRIPS) return null;
  if (python === undefined) return yardsticksBefore(category);
  const hash = createHash('sha256');
  for (const script of ['yardstick_clicks.py', 'numpy_metrics.py', 'requirements.txt'])
    hash.update(await readFile(join(BENCH, script)));
  for (const part of ['test', 'ground_truth'])
    hash.update((await readdir(join(DATA, category, part), { recursive: true })).sort().join('\n'));
  hash.update(`${DATA} ${category} ${limit} ${clicks}`);
  const path = join(cache, 'yardsticks', `${category}-${hash.digest('hex').slice(0, 16)}.json`);
  if (existsSync(path)) return JSON.parse(await readFile(path, 'utf8')) as Yardsticks;
  const args = ['--data', DATA, '--category', category, '--limit', limit, '--clicks', clicks];
  const found = await runPython<Yardsticks>(python, 'yardstick_clicks.py', args);
  await mkdir(join(cache, 'yardsticks'), { recursive: true });
  await writeFile(path, JSON.stringify(found));
  return found;
}

const clean = (figures: ByClicks): ByClicks =>
  Object.fromEntries(
    Object.entries(figures).map(([k, at]) => [
      k,
      Object.fromEntries(FIGURES.map((key) => [key, Number(at[key].toFixed(4))])) as Figures,
    ]),
  );

/** Plain mean over categories, for every click count. */
function meanOf(rows: readonly ByClicks[]): ByClicks {
  const counts = Object.keys(rows[0] ?? {});
  return Object.fromEntries(
    counts.map((k) => [
      k,
      Object.fromEntries(
        FIGURES.map((key) => [key, rows.reduce((sum, row) => sum + row[k][key], 0) / rows.length]),
      ) as Figures,
    ]),
  );
}

/** Means over the measured categories, when all of them are there. */
function means(rows: readonly Row[]) {
  const six = rows.filter(({ ours }) => (MEASURED as readonly string[]).includes(ours.category));
  if (six.length < MEASURED.length) return null;
  const of = (method: keyof typeof METHODS) =>
    six.every(({ yardsticks }) => yardsticks) ? meanOf(six.map((row) => row.yardsticks!.methods[method].clicks)) : null;
  const meanOfOurs = (key: 'paperClicks' | 'offCentreClicks') => {
    const all = six.map(({ ours }) => ours[key]).filter((figures) => figures !== undefined);
    return all.length === six.length ? meanOf(all) : null;
  };
  return {
    ours: meanOf(six.map(({ ours }) => ours.clicks)),
    asPaper: meanOfOurs('paperClicks'),
    offCentre: meanOfOurs('offCentreClicks'),
    grabcut: of('grabcut'),
    randomWalker: of('randomWalker'),
  };
}

const percent = (value: number) => (100 * value).toFixed(1);
const cell = (at: Figures | undefined) => (at ? FIGURES.map((key) => percent(at[key])).join(' / ') : '–');

function report(rows: readonly Row[], card: { name: string; trainedOn: unknown; steps: number; seed: number }): string {
  const counts = Object.keys(rows[0].ours.clicks);
  const known = rows.map(({ ours }) => ours.category).filter((category) => text(card.trainedOn).includes(category));
  const line = (name: string, method: string, images: string, figures: ByClicks, bold = false) => {
    const cells = [name, method, images, ...counts.map((k) => cell(figures[k]))];
    return bold ? cells.map((text) => (text ? `**${text}**` : text)) : cells;
  };
  const lines = rows.flatMap(({ ours, yardsticks }) => [
    line(ours.category, 'ADClick', `${ours.images}`, ours.clicks),
    ...(ours.paperClicks ? [line('', AS_PAPER, '', ours.paperClicks)] : []),
    ...(ours.offCentreClicks ? [line('', OFF_CENTRE, '', ours.offCentreClicks)] : []),
    ...Object.entries(METHODS).flatMap(([key, title]) => {
      const found = yardsticks?.methods[key];
      return found ? [line('', title, `${found.images}`, found.clicks)] : [];
    }),
  ]);
  const mean = means(rows);
  if (mean) {
    lines.push(line('mean of the six', 'ADClick', '', mean.ours, true));
    if (mean.asPaper) lines.push(line('', AS_PAPER, '', mean.asPaper));
    if (mean.offCentre) lines.push(line('', OFF_CENTRE, '', mean.offCentre));
    for (const key of ['grabcut', 'randomWalker'] as const)
      if (mean[key]) lines.push(line('', METHODS[key], '', mean[key]));
  }
  const head = ['category', 'method', 'images', ...counts.map((k) => `${k} click${k === '1' ? '' : 's'}`)];
  const grids = rows.map(({ ours }) => `${ours.category} ${ours.grid.join('×')}`).join(', ');
  const some = rows.find(({ yardsticks }) => yardsticks)?.yardsticks;
  const yardstickImages =
    values['yardstick-limit'] === '0'
      ? 'all images'
      : `at most ${values['yardstick-limit']} images a category, evenly spread`;
  const notes = [
    `AP / PRO / P-AUROC / mIoU in percent. Weights \`${card.name}\`, ${card.steps} steps, seed ${card.seed}, trained on ${text(card.trainedOn)}; ${known.length > 0 ? `**seen in training: ${known.join(', ')}**` : 'none of the categories below was seen'}.`,
    `Protocol: every defective image of the category and no good ones; the simulated annotator clicks the deepest pixel of the larger error, ties row by row, from an empty mask, threshold 0.49; the network is guided by the forty offline prompts of each picture's defect type. AP, PRO (MVTec's algorithm, 8-connected regions, up to a false positive rate of 0.3) and P-AUROC pool the pixels of all images, unsmoothed; mIoU is the mean over images. All of it at the image's own size (masks are not resized).`,
    `"${AS_PAPER}" is the paper's way: every pixel above the threshold counts. Otherwise the rules of a click hold ([method.md](method.md#rules-of-a-click)), as for whoever labels, and the annotator goes by masks under them. "${OFF_CENTRE}": under the rules, each click at a random pixel of the error that the other annotator clicks in the middle of. ${obedience(rows)}`,
    `The model's grid in pixels: ${grids}.${rows.some(({ ours }) => ours.category === STRIPS) ? ` ${STRIPS}, strips of 4096×256 with defects of a few pixels, is evaluated whole, not in tiles, and without yardsticks.` : ''}`,
    some
      ? `GrabCut (OpenCV ${some.opencv}) and random walker (scikit-image ${some.skimage}) work on the colours of the image with the same annotator, on ${yardstickImages}; images above 384² pixels are shrunk for GrabCut and above 192² for the random walker, clicks and metrics stay at the image's own size. GrabCut answers a mask, so its AP and P-AUROC are those of one threshold.`
      : 'GrabCut and random walker were not run.',
    `How long a click takes: "Speed". ${machine()}.`,
  ];
  return `${notes[0]}\n\n${table(head, lines)}\n\n${notes.slice(1).join('\n\n')}`;
}

/** How often clicks were obeyed, and how often they made a mask worse. */
function obedience(rows: readonly Row[]): string {
  const sum = (of: (row: LabelledCategory) => number) => rows.reduce((all, { ours }) => all + of(ours), 0);
  const [made, violations] = [sum(({ obeyed }) => obeyed.clicks), sum(({ obeyed }) => obeyed.violations)];
  const worse = rows.reduce((all, { ours }) => all + ours.worse.share * ours.images, 0) / sum(({ images }) => images);
  return `Of ${made} clicks ${violations === 0 ? 'every one is' : `all but ${violations} are`} obeyed by every later mask; ${percent(worse)} % of those after the first lowered an image's IoU by more than a point.`;
}

/** The README's table: AP and mIoU of the measured categories. */
function summary(rows: readonly Row[]): string {
  const short = (at: Figures | undefined) => (at ? `${percent(at.ap)} / ${percent(at.miou)}` : '–');
  const line = (name: string, figures: ByClicks) => [name, ...['1', '3', '5'].map((k) => short(figures[k]))];
  const six = rows.filter(({ ours }) => (MEASURED as readonly string[]).includes(ours.category));
  const mean = means(rows);
  const lines = [
    ...six.map(({ ours }) => line(ours.category, ours.clicks)),
    ...(mean ? [line('**mean**', mean.ours)] : []),
    ...(mean?.grabcut ? [line('GrabCut, mean', mean.grabcut)] : []),
    ...(mean?.randomWalker ? [line('random walker, mean', mean.randomWalker)] : []),
  ];
  const head = ['AP / mean IoU in percent after', '1 click', '3 clicks', '5 clicks'];
  return `${table(head, lines)}\n\nAll defects of public data sets at the images' own size, under the [rules of a click](docs/method.md#rules-of-a-click); none of these products was trained on. GrabCut and random walker: at most ${values['yardstick-limit']} images a category.`;
}

const text = (trainedOn: unknown) => (Array.isArray(trainedOn) ? trainedOn.join(', ') : String(trainedOn));

async function main(): Promise<void> {
  const weightsPath = values.weights.endsWith('.safetensors')
    ? resolve(values.weights)
    : modelPath(`${values.weights}/weights.safetensors`);
  const { card } = await loadClickWeights(weightsPath);
  const seen = (category: string) => text(card.trainedOn).includes(category);
  const all = await allCategories();
  const wanted = values.categories?.split(',').map((name) => name.trim()) ?? all.filter((name) => !seen(name));
  if (wanted.length === 0) throw new Error(`no category to evaluate in ${DATA}; name the data folder in ADCLICK_DATA`);
  for (const category of wanted)
    if (seen(category)) say(`Note: these weights were trained on ${category}; its figures say little.`);
  const python = await findPython(!values['no-yardsticks']);
  const limit = values.limit === '0' ? values['yardstick-limit'] : values.limit;

  if (values['only-yardsticks']) {
    for (const category of wanted) {
      say(`${category}, yardsticks`);
      await yardsticksOf(python.path, category, limit, values.clicks);
    }
    return;
  }

  const rows: Row[] = [];
  for (const category of wanted) {
    say(`${category}`);
    const ours = await runScript<LabelledCategory>('parts/label-category.ts', [
      ...['--data', DATA, '--category', category, '--index', join(cache, 'index', category)],
      ...['--weights', weightsPath, '--limit', values.limit, '--clicks', values.clicks, '--off-centre'],
    ]);
    const last = ours.clicks[values.clicks];
    say(`${category}: ${values.clicks} clicks ${cell(last)}, ${ours.images} images in ${ours.seconds.toFixed(0)} s`);
    const yardsticks = await yardsticksOf(python.path, category, limit, values.clicks);
    rows.push({ ours, yardsticks });
  }

  const content = report(rows, card);
  const result = {
    weights: { ...card, file: basename(weightsPath) },
    threshold: 0.49,
    categories: rows.map(({ ours, yardsticks }) => ({
      ...ours,
      weights: card.name,
      clicks: clean(ours.clicks),
      ...(ours.paperClicks && { paperClicks: clean(ours.paperClicks) }),
      ...(ours.offCentreClicks && { offCentreClicks: clean(ours.offCentreClicks) }),
      yardsticks: yardsticks && {
        ...yardsticks,
        methods: Object.fromEntries(
          Object.entries(yardsticks.methods).map(([name, each]) => [name, { ...each, clicks: clean(each.clicks) }]),
        ),
      },
    })),
    mean: means(rows),
    machine: machine(),
  };
  const whole = values.limit === '0' && values.clicks === '5' && values.categories === undefined;
  if (whole) {
    await mkdir(join(ROOT, 'docs', 'results'), { recursive: true });
    await writeFile(RESULTS, `${JSON.stringify(result, null, 1)}\n`);
    await writeSection('Labels from clicks', content);
    await writeReadme('clicks', summary(rows));
  } else say('A partial run: docs/results.md stays as it is.');
  process.stdout.write(values.json ? `${JSON.stringify(result)}\n` : `${content}\n`);
}

try {
  await main();
} catch (error) {
  say((error as Error).message);
  process.exitCode = 1;
}
