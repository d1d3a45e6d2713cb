/**
 * `npm run bench:growth [-- --json] [--quick] [--wait SECONDS]`: how the time to be ready, the time of indexing and the peak memory
 * grow with the image's size, the neighbours K, the number of good pictures and a camera's pixels; writes docs/images/growth-*.svg and the section "Growth".
 */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { lineChart, roundTicks } from '../packages/core/src/evaluation/svg.ts';
import { ROOT, runScript, say } from './child.ts';
import type { Labelled } from './parts/label-pictures.ts';
import { waitForQuiet } from './quiet.ts';
import { machine, median, round, table, writeSection } from './results.ts';

const { values } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    /** Two points a sweep and few pictures, to see that everything runs; nothing is written. */
    quick: { type: 'boolean', default: false },
    wait: { type: 'string', default: '300' },
  },
});
const QUICK = values.quick;

/** One measured setting. */
interface Setting {
  /** Side of what is drawn in pixels, and of the model's grid but for a camera's pictures. */
  readonly side: number;
  /** Megapixels to which pictures are enlarged, with the grid that `pixels: auto` gives them; without them they stay as they are drawn. */
  readonly camera?: number;
  readonly neighbours: number;
  readonly normals: number;
}

interface Sweep {
  /** Ends the name of the picture file. */
  readonly name: string;
  readonly title: string;
  readonly label: string;
  readonly key: keyof Setting;
  readonly at: readonly number[];
  readonly fixed: Setting;
}

const BASE: Setting = { side: 512, neighbours: 10, normals: 60 };
const PICTURES = QUICK ? 3 : 10;

const SWEEPS: readonly Sweep[] = [
  {
    name: 'size',
    title: 'Image size',
    label: 'side in px',
    key: 'side',
    at: QUICK ? [256, 384] : [256, 384, 512, 640, 768, 1024],
    fixed: { ...BASE, normals: QUICK ? 4 : 30 },
  },
  {
    name: 'neighbours',
    title: 'Neighbours K',
    label: 'K',
    key: 'neighbours',
    at: QUICK ? [2, 4] : [5, 10, 20, 35, 50],
    fixed: { ...BASE, normals: QUICK ? 5 : 60 },
  },
  {
    name: 'normals',
    title: 'Good pictures in the index',
    label: 'good pictures',
    key: 'normals',
    at: QUICK ? [4, 6] : [25, 50, 100, 200, 400],
    fixed: BASE,
  },
  {
    name: 'camera',
    title: 'Pictures of cameras, pixels: auto',
    label: 'megapixels',
    key: 'camera',
    at: QUICK ? [1, 2] : [1, 4, 12, 24, 50],
    fixed: { ...BASE, side: QUICK ? 256 : 1024, normals: QUICK ? 3 : 12 },
  },
];

interface Point {
  readonly x: number;
  readonly readyMs: number;
  readonly clickMs: number;
  readonly indexSeconds: number;
  readonly peakMB: number;
}

const MEASURES = [
  { key: 'readyMs', label: 'ready, ms' },
  { key: 'clickMs', label: 'click, ms' },
  { key: 'indexSeconds', label: 'index, s' },
  { key: 'peakMB', label: 'peak memory, MB' },
] as const satisfies readonly { key: keyof Point; label: string }[];

const folder = await mkdtemp(join(tmpdir(), 'adclick-growth-'));
const made = new Map<string, string>();
let patience = Number(values.wait);

/** What the size of pictures is called. */
const sizeOf = ({ side, camera }: Setting) => (camera === undefined ? `${side} px` : `${camera} megapixels`);

/** Pictures of one size, enough for every sweep. */
async function picturesOf(setting: Setting): Promise<string> {
  const { side, camera } = setting;
  const size = sizeOf(setting);
  const known = made.get(size);
  if (known) return known;
  const needed = SWEEPS.flatMap((sweep) => sweep.at.map((x): Setting => ({ ...sweep.fixed, [sweep.key]: x })));
  const alike = needed.filter((each) => sizeOf(each) === size);
  const good = Math.max(...alike.map(({ normals }) => normals));
  const path = join(folder, size.replace(' ', '-'));
  say(`making ${good} good and ${PICTURES} bad pictures of ${size}`);
  await runScript('parts/pictures.ts', [
    path,
    ...['--good', String(good), '--bad', String(PICTURES), '--side', String(side)],
    ...(camera === undefined ? [] : ['--camera', String(Math.round(Math.sqrt(camera * 1e6)))]),
  ]);
  made.set(size, path);
  return path;
}

async function measure(setting: Setting): Promise<Omit<Point, 'x'> & { weights: string }> {
  const { side, camera, neighbours, normals } = setting;
  const pictures = await picturesOf(setting);
  const start = Date.now();
  await waitForQuiet(patience);
  patience = Math.max(0, patience - (Date.now() - start) / 1000);
  say(`${sizeOf(setting)}, K ${neighbours}, ${normals} good pictures`);
  const run = await runScript<Labelled>('parts/label-pictures.ts', [
    pictures,
    ...['--normals', String(normals), '--neighbours', String(neighbours)],
    ...(camera === undefined ? ['--pixels', String(side * side)] : []),
  ]);
  return {
    readyMs: round(median(run.readyMs), 1),
    clickMs: round(median(run.clickMs), 1),
    indexSeconds: round(run.indexSeconds, 2),
    peakMB: round(run.peakBytes / 1e6, 0),
    weights: run.weights,
  };
}

/** Colours of a chart that stands alone: readable on light and dark pages. */
const STYLE = `
.chart { font: 12px system-ui, "Segoe UI", Roboto, sans-serif; }
.chart text { fill: #6b7684; } .chart .chart-title { font-size: 14px; font-weight: 600; }
.chart .grid { stroke: #8b96a355; } .chart .curve { fill: none; stroke-width: 2; stroke: #3b7ddd; } .chart .dot { fill: #3b7ddd; }`;

const CHART = { width: 560, height: 340 };

/** The charts of one sweep side by side in one file. */
function picture({ title, label }: Sweep, points: readonly Point[]): string {
  const last = points[points.length - 1].x;
  const charts = MEASURES.map(({ key, label: measure }, n) => {
    const top = Math.max(...points.map((point) => point[key])) * 1.05;
    const ticks = roundTicks(0, top);
    const chart = lineChart({
      title: measure,
      description: `${measure} against ${title.toLowerCase()}`,
      x: { label, min: 0, max: last, ticks: points.map(({ x }) => x) },
      y: { label: '', min: 0, max: top, ticks },
      series: [{ name: measure, points: points.map((point) => ({ x: point.x, y: point[key] })), dots: true }],
    });
    return chart.replace('<svg ', `<svg x="${n * CHART.width}" width="${CHART.width}" height="${CHART.height}" `);
  });
  const width = MEASURES.length * CHART.width;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${CHART.height}"><style>${STYLE}</style>\n${charts.join('\n')}\n</svg>\n`;
}

try {
  const results: { sweep: Sweep; points: Point[] }[] = [];
  let weights = '';
  for (const sweep of SWEEPS) {
    const points: Point[] = [];
    for (const x of sweep.at) {
      const { weights: used, ...figures } = await measure({ ...sweep.fixed, [sweep.key]: x });
      points.push({ x, ...figures });
      weights = used;
    }
    results.push({ sweep, points });
  }
  const parts = results.map(({ sweep, points }) => {
    const rows = points.map((point) => [String(point.x), ...MEASURES.map(({ key }) => String(point[key]))]);
    const others = {
      // A camera's pictures are of its size, whatever they were drawn at.
      ...(sweep.key !== 'camera' && { side: `${sweep.fixed.side} px` }),
      neighbours: `K ${sweep.fixed.neighbours}`,
      normals: `${sweep.fixed.normals} good pictures`,
    };
    const fixed = Object.entries(others).filter(([key]) => key !== sweep.key);
    const heading = `${sweep.title} (${fixed.map(([, words]) => words).join(', ')})`;
    const head = [sweep.label, ...MEASURES.map(({ label }) => label)];
    return `**${heading}**\n\n![${heading}](images/growth-${sweep.name}.svg)\n\n${table(head, rows)}`;
  });
  const note = `Every row is a process of its own: it builds an index on disk, then opens ${PICTURES} pictures. "Ready" is the median from the file to the first click, the model's grid being of the picture's size; a camera's pictures are JPEGs, and their grid is that of pixels: auto. "Click" is the median of five on each. Click model: ${weights}. ${machine()}, 2 threads.`;
  const text = `${parts.join('\n\n')}\n\n${note}`;
  if (!QUICK) {
    const images = join(ROOT, 'docs', 'images');
    await mkdir(images, { recursive: true });
    for (const { sweep, points } of results)
      await writeFile(join(images, `growth-${sweep.name}.svg`), picture(sweep, points));
    await writeSection('Growth', text);
  }
  const json = Object.fromEntries(results.map(({ sweep, points }) => [sweep.name, points]));
  process.stdout.write(
    values.json ? `${JSON.stringify({ ...json, weights, machine: machine(), quick: QUICK })}\n` : `${text}\n`,
  );
} finally {
  await rm(folder, { recursive: true });
}
