/** The self-contained report of a detector's evaluation: figures, curves, hardest and best pictures with their maps, every picture. */
import { drawHeat } from '../image/draw.ts';
import type { Mask, Plane } from '../image/types.ts';
import type { Decisions, Interval } from '../inference/decisions.ts';
import type { DetectionAnswer, DetectionEvaluation, DetectionExample } from './detection.ts';
import { maskFigure } from './figures.ts';
import { escapeHtml, figureCards, htmlPage, htmlTable } from './page.ts';
import { PRO_LIMIT } from './pixel-metrics.ts';
import { lineChart } from './svg.ts';

const percent = (value: number, digits = 1) => (Number.isFinite(value) ? (value * 100).toFixed(digits) : '–');
const label = ({ name, type }: { name: string; type: string }) => `${type}/${name}`;

/** What the outlines in a detector's figures mean. */
export const DETECTION_KEY = `<ul class="key">
<li><svg viewBox="0 0 22 12" aria-hidden="true"><rect class="predicted" x="1" y="1" width="20" height="10"/></svg>above the threshold</li>
<li><svg viewBox="0 0 22 12" aria-hidden="true"><rect class="truth" x="1" y="1" width="20" height="10"/></svg>true mask</li>
</ul>`;

/** Renders the page; it needs nothing but itself. @param command what makes it again. */
export async function renderDetectionReport(
  evaluation: DetectionEvaluation,
  answer: DetectionAnswer,
  command?: string,
): Promise<string> {
  const { ap, pro, pauroc, iauroc, msPerImage, pixels, decisions } = evaluation;
  const { unsupervised } = answer;
  const sections = [
    `<header><h1>${escapeHtml(answer.category)}</h1>
<p class="quiet">${answer.images} pictures, ${answer.defects} of them with defects, seen by <b>${escapeHtml(answer.detector)}</b>
(${answer.from === 'network' ? `trained on ${answer.labels.count} labelled defects` : 'without a trained network'}).</p></header>`,
    figureCards([
      { value: `${percent(ap)} %`, label: 'average precision' },
      { value: `${percent(pro)} %`, label: 'PRO' },
      { value: `${percent(pauroc)} %`, label: 'pixel AUROC' },
      { value: `${percent(iauroc)} %`, label: 'image AUROC' },
      { value: `${msPerImage.p50.toFixed(0)} ms`, label: `a picture; 95 % within ${msPerImage.p95.toFixed(0)} ms` },
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
      head: ['map', 'AP', 'PRO', 'pixel AUROC', 'image AUROC'],
      rows: [
        [answer.detector, percent(ap), percent(pro), percent(pauroc, 2), percent(iauroc)],
        [
          'residual alone',
          percent(unsupervised.ap),
          percent(unsupervised.pro),
          percent(unsupervised.pauroc, 2),
          percent(unsupervised.iauroc),
        ],
      ],
    }),
    ...(decisions ? [decisionTable(decisions)] : []),
    ...answer.notes.map((note) => `<p>${escapeHtml(note)}</p>`),
    '<h2>Curves</h2>',
    `<div class="side-by-side">${[
      lineChart({
        title: 'Precision against recall',
        description: `Average precision ${percent(ap)}.`,
        x: { label: 'recall', min: 0, max: 1 },
        y: { label: 'precision', min: 0, max: 1 },
        series: [{ name: answer.detector, points: pixels.curves.precisionRecall }],
      }),
      lineChart({
        title: 'Per-region overlap',
        description: `PRO ${percent(pro)}.`,
        x: { label: 'false positive rate', min: 0, max: PRO_LIMIT },
        y: { label: 'mean overlap of defects', min: 0, max: 1 },
        series: [{ name: answer.detector, points: pixels.curves.pro }],
      }),
    ]
      .map((chart) => `<div class="panel">${chart}</div>`)
      .join('\n')}</div>`,
    await gallery('Hardest defects', 'Lowest average precision of a picture.', evaluation.worst, evaluation.threshold),
    await gallery(
      'Best found defects',
      'Highest average precision of a picture.',
      evaluation.best,
      evaluation.threshold,
    ),
    await gallery(
      'Most suspicious good pictures',
      'Highest scores among pictures without a defect.',
      evaluation.suspicious,
      evaluation.threshold,
    ),
    '<h2>Every picture</h2>',
    pictureTable(evaluation),
    `<footer><h2>How this was measured</h2>
<p>AP, PRO (8-connected defects, false positive rates up to ${PRO_LIMIT}) and pixel AUROC are computed exactly from all pixels of all test
pictures; image AUROC from one score a picture. Defects that were trained on are not among them.</p>
${command ? `<p>Made by <code>${escapeHtml(command)}</code></p>` : ''}</footer>`,
  ];
  return htmlPage({ title: `${answer.category}: detection`, body: sections.filter(Boolean).join('\n') });
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
  threshold: number,
): Promise<string> {
  if (examples.length === 0) return '';
  const figures: string[] = [];
  for (const { result, image, mask, map } of examples) {
    const name = escapeHtml(label(result));
    const figure = result.ap === undefined ? '' : `, AP ${percent(result.ap)} %`;
    const text = `score ${result.score.toFixed(3)}${figure}`;
    const alt = `${label(result)}: marked beside true mask, ${text}`;
    const truth = result.defective ? mask : undefined;
    const predicted = cut(map, threshold);
    figures.push(await maskFigure({ image, truth, predicted, alt, caption: `<b>${name}</b><br>${text}` }));
    const heat = drawHeat(map, { low: 0, high: 1 }, image);
    figures.push(
      await maskFigure({ image: heat, truth, alt: `${label(result)}: map`, caption: `<b>${name}</b><br>map` }),
    );
  }
  return `<h2>${title}</h2>\n<p class="quiet">${note}</p>\n${DETECTION_KEY}\n<div class="shots">${figures.join('\n')}</div>`;
}

function pictureTable({ images }: DetectionEvaluation): string {
  const said = (isDefect?: boolean) => (isDefect === undefined ? '' : isDefect ? 'defect' : 'good');
  return htmlTable({
    caption: 'Highest score first.',
    head: ['picture', 'score', 'decision', 'AP, %', 'ms'],
    text: ['decision'],
    rows: [...images]
      .sort((a, b) => b.score - a.score)
      .map((image) => [
        label(image),
        image.score.toFixed(4),
        said(image.isDefect),
        image.ap === undefined ? '' : percent(image.ap),
        image.ms.toFixed(0),
      ]),
  });
}
