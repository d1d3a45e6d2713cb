/** The self-contained report of a detector's evaluation: figures, curves, hardest and best pictures with their maps, every picture. */
import { drawHeat } from '../image/draw.ts';
import type { Window } from '../image/samples.ts';
import type { Mask, Plane } from '../image/types.ts';
import type { Decisions, Interval } from '../inference/decisions.ts';
import type {
  DetectionAnswer,
  DetectionEvaluation,
  DetectionExample,
  DetectionFigures,
  MapAnswer,
} from './detection.ts';
import { maskFigure } from './figures.ts';
import { imageLabel } from './image-label.ts';
import { escapeHtml, figureCards, htmlPage, htmlTable } from './page.ts';
import { PRO_LIMIT } from './pixel-metrics.ts';
import { lineChart } from './svg.ts';

const percent = (value: number, digits = 1) => (Number.isFinite(value) ? (value * 100).toFixed(digits) : '–');

const keyEntry = (kind: string, text: string) =>
  `<li><svg viewBox="0 0 22 12" aria-hidden="true"><rect class="${kind}" x="1" y="1" width="20" height="10"/></svg>${text}</li>\n`;

const TRUTH = keyEntry('truth', 'true mask');
const TRUTH_KEY = `<ul class="key">\n${TRUTH}</ul>`;

/** What the outlines in a detector's figures mean. */
export const DETECTION_KEY = `<ul class="key">\n${keyEntry('predicted', 'above the threshold')}${TRUTH}</ul>`;

/** What a report says of maps beside the figures of their evaluation. */
export interface ReportedMaps {
  readonly category: string;
  readonly images: number;
  readonly defects: number;
  /** What made them. */
  readonly by: string;
  /** How, in a few words. */
  readonly how: string;
  /** Figures of other maps on the same pictures. */
  readonly beside: readonly { readonly name: string; readonly of: DetectionFigures }[];
  readonly notes: readonly string[];
  /** Whether the times of the evaluation are those of what made them. */
  readonly timed: boolean;
  /** Value above which a pixel is outlined, where there is one. */
  readonly threshold?: number;
  /** Values of the darkest and the brightest colour; where it is missing, the least and the greatest of each map that is shown. */
  readonly window?: Window;
}

/** How the maps of an answer were made. */
const HOW: Readonly<Record<DetectionAnswer['from'], (answer: DetectionAnswer) => string>> = {
  network: ({ labels }) => `trained on ${labels.count} labelled defects`,
  residual: () => 'without a trained network',
  rival: () => 'another method, on the same good pictures',
};

/** A detector's or a rival's maps as a report shows them. @param threshold of a detector's maps, which are within [0,1]. */
export const detectorMaps = (answer: DetectionAnswer, threshold?: number): ReportedMaps => ({
  ...answer,
  by: answer.detector,
  how: HOW[answer.from](answer),
  beside: [{ name: 'residual alone', of: answer.unsupervised }],
  timed: true,
  ...(threshold !== undefined && { threshold, window: { low: 0, high: 1 } }),
});

/** Maps of a folder as a report shows them. @param threshold where one is known. */
export const foldersMaps = (answer: MapAnswer, threshold?: number): ReportedMaps => ({
  ...answer,
  by: answer.maps.folder,
  how: 'maps of that folder',
  beside: [],
  timed: false,
  threshold,
});

/** Renders the page; it needs nothing but itself. @param command what makes it again. */
export async function renderDetectionReport(
  evaluation: DetectionEvaluation,
  maps: ReportedMaps,
  command?: string,
): Promise<string> {
  const { ap, pro, pauroc, iauroc, msPerImage, pixels, decisions } = evaluation;
  const row = (name: string, of: DetectionFigures) => [
    name,
    percent(of.ap),
    percent(of.pro),
    percent(of.pauroc, 2),
    percent(of.iauroc),
  ];
  const head = ['AP', 'PRO', 'pixel AUROC', 'image AUROC'];
  const sections = [
    `<header><h1>${escapeHtml(maps.category)}</h1>
<p class="quiet">${maps.images} pictures, ${maps.defects} of them with defects, seen by <b>${escapeHtml(maps.by)}</b>
(${escapeHtml(maps.how)}).</p></header>`,
    figureCards([
      { value: `${percent(ap)} %`, label: 'average precision' },
      { value: `${percent(pro)} %`, label: 'PRO' },
      { value: `${percent(pauroc)} %`, label: 'pixel AUROC' },
      { value: `${percent(iauroc)} %`, label: 'image AUROC' },
      ...(maps.timed
        ? [
            {
              value: `${msPerImage.p50.toFixed(0)} ms`,
              label: `a picture; 95 % within ${msPerImage.p95.toFixed(0)} ms`,
            },
          ]
        : []),
      ...(decisions
        ? [
            {
              value: `${percent(decisions.falseAlarms)} %`,
              label: `false alarms; ${percent(decisions.missed)} % missed`,
            },
            {
              value: `${percent(decisions.balancedError)} %`,
              label: `balanced error; ${percent(decisions.best.balancedError)} % at the best threshold`,
            },
          ]
        : []),
    ]),
    htmlTable({
      caption: 'Pixels of all pictures pooled, each picture at its own size. In %.',
      head: ['map', ...head],
      rows: [row(maps.by, evaluation), ...maps.beside.map(({ name, of }) => row(name, of))],
    }),
    htmlTable({
      caption: 'Pictures with each type of defect, beside all good ones. In %.',
      head: ['defects', 'pictures', ...head],
      text: ['defects'],
      rows: evaluation.byType.map((of) => {
        const [name, ...figures] = row(of.type, of);
        return [name, String(of.images), ...figures];
      }),
    }),
    ...(decisions ? [decisionTable(decisions)] : []),
    ...maps.notes.map((note) => `<p>${escapeHtml(note)}</p>`),
    '<h2>Curves</h2>',
    `<div class="side-by-side">${[
      lineChart({
        title: 'Precision against recall',
        description: `Average precision ${percent(ap)}.`,
        x: { label: 'recall', min: 0, max: 1 },
        y: { label: 'precision', min: 0, max: 1 },
        series: [{ name: maps.by, points: pixels.curves.precisionRecall }],
      }),
      lineChart({
        title: 'Per-region overlap',
        description: `PRO ${percent(pro)}.`,
        x: { label: 'false positive rate', min: 0, max: PRO_LIMIT },
        y: { label: 'mean overlap of defects', min: 0, max: 1 },
        series: [{ name: maps.by, points: pixels.curves.pro }],
      }),
    ]
      .map((chart) => `<div class="panel">${chart}</div>`)
      .join('\n')}</div>`,
    await gallery('Hardest defects', 'Lowest average precision of a picture.', evaluation.worst, maps),
    await gallery('Best found defects', 'Highest average precision of a picture.', evaluation.best, maps),
    await gallery(
      'Most suspicious good pictures',
      'Highest scores among pictures without a defect.',
      evaluation.suspicious,
      maps,
    ),
    '<h2>Every picture</h2>',
    pictureTable(evaluation, maps.timed),
    `<footer><h2>How this was measured</h2>
<p>AP, PRO (8-connected defects, false positive rates up to ${PRO_LIMIT}) and pixel AUROC are computed exactly from all pixels of all test
pictures; image AUROC from one score a picture. Defects that were trained on are not among them.</p>
${command ? `<p>Made by <code>${escapeHtml(command)}</code></p>` : ''}</footer>`,
  ];
  return htmlPage({ title: `${maps.category}: detection`, body: sections.filter(Boolean).join('\n') });
}

const between = ([low, high]: Interval) => `${percent(low)}–${percent(high)}`;

/** What the bounds of a range of sizes are called. */
const sizeText = ({ from, to }: Decisions['sizes'][number]): string => {
  const [low, high] = [from, to].map((share) => `${100 * share} %`);
  return from === 0 ? `up to ${high}` : to === 1 ? `more than ${low}` : `${low} to ${high}`;
};

/** How pictures were decided upon at the detector's threshold, whole, by type and by size. */
function decisionTable({ types, sizes, ...all }: Decisions): string {
  const row = (
    name: string,
    { pictures, missed, interval, auroc }: Decisions['types'][number] | Decisions['sizes'][number],
  ) => [name, String(pictures), percent(missed), between(interval), percent(auroc)];
  const { falseAlarms, missed, intervals } = all;
  return htmlTable({
    caption: `At the detector's threshold, in %, with the intervals that so many pictures allow (95 %). Good pictures called defective: ${percent(falseAlarms)} of ${all.good} (${between(intervals.falseAlarms)}). Balanced error ${percent(all.balancedError)}; ${percent(all.best.balancedError)} at a score of ${all.best.score.toFixed(3)}, the best threshold for these pictures.`,
    head: ['defects', 'pictures', 'missed', 'between', 'image AUROC'],
    text: ['defects'],
    rows: [
      ['all', String(all.defective), percent(missed), between(intervals.missed), percent(all.auroc)],
      ...types.map((each) => row(each.type, each)),
      ...sizes.map((each) => row(`${sizeText(each)} of the picture`, each)),
    ],
  });
}

/** The least and the greatest value of a map. */
function extremes({ data }: Plane): Window {
  let [low, high] = [data[0], data[0]];
  for (const value of data) [low, high] = [Math.min(low, value), Math.max(high, value)];
  return { low, high };
}

const cut = ({ data, width, height }: Plane, threshold: number): Mask => ({
  data: Uint8Array.from(data, (value) => (value > threshold ? 1 : 0)),
  width,
  height,
  channels: 1,
});

/** Each example twice: the picture with both contours, and under its map. */
async function gallery(
  title: string,
  note: string,
  examples: readonly DetectionExample[],
  { threshold, window }: ReportedMaps,
): Promise<string> {
  if (examples.length === 0) return '';
  const figures: string[] = [];
  for (const { result, image, mask, map } of examples) {
    const name = escapeHtml(imageLabel(result));
    const figure = result.ap === undefined ? '' : `, AP ${percent(result.ap)} %`;
    const text = `score ${result.score.toFixed(3)}${figure}`;
    const alt = `${imageLabel(result)}: marked beside true mask, ${text}`;
    const truth = result.defective ? mask : undefined;
    const predicted = threshold === undefined ? undefined : cut(map, threshold);
    figures.push(await maskFigure({ image, truth, predicted, alt, caption: `<b>${name}</b><br>${text}` }));
    const heat = drawHeat(map, window ?? extremes(map), image);
    figures.push(
      await maskFigure({ image: heat, truth, alt: `${imageLabel(result)}: map`, caption: `<b>${name}</b><br>map` }),
    );
  }
  return `<h2>${title}</h2>\n<p class="quiet">${note}</p>\n${threshold === undefined ? TRUTH_KEY : DETECTION_KEY}\n<div class="shots">${figures.join('\n')}</div>`;
}

function pictureTable({ images }: DetectionEvaluation, timed: boolean): string {
  const said = (isDefect?: boolean) => (isDefect === undefined ? '' : isDefect ? 'defect' : 'good');
  return htmlTable({
    caption: 'Highest score first.',
    head: ['picture', 'score', 'decision', 'AP, %', ...(timed ? ['ms'] : [])],
    text: ['decision'],
    rows: [...images]
      .sort((a, b) => b.score - a.score)
      .map((image) => [
        imageLabel(image),
        image.score.toFixed(4),
        said(image.isDefect),
        image.ap === undefined ? '' : percent(image.ap),
        ...(timed ? [image.ms.toFixed(0)] : []),
      ]),
  });
}
