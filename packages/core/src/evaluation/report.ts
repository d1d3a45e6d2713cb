/** The self-contained report of a click evaluation: figures, curves, best and worst images, every image in a table. */
import { detailBox, FIGURE_KEY, maskFigure } from './figures.ts';
import { imageLabel } from './image-label.ts';
import { mean, quantile } from './metrics.ts';
import { clicksText, escapeHtml, figureCards, htmlPage, htmlTable } from './page.ts';
import { PRO_LIMIT } from './pixel-metrics.ts';
import type { ClickAnswer, ClickEvaluation, ClickExample } from './protocol.ts';
import { lineChart, type Series } from './svg.ts';

/** What was evaluated, and the command that does it again. */
export type ReportSubject = Pick<ClickAnswer, 'category' | 'weights' | 'trainedOn'> & { readonly command?: string };

const percent = (value: number, digits = 1) => (Number.isFinite(value) ? (value * 100).toFixed(digits) : '–');

/** Renders the page; it needs nothing but itself, so it can be mailed. */
export async function renderClickReport(evaluation: ClickEvaluation, subject: ReportSubject): Promise<string> {
  const { images, clicks, at, noc, nocCap, msPerClick, skipped } = evaluation;
  const final = at.get(clicks)!;
  const trained = typeof subject.trainedOn === 'string' ? subject.trainedOn : subject.trainedOn.join(', ');
  const sections = [
    `<header><h1>${escapeHtml(subject.category)}</h1>
<p class="quiet">${images.length} defect images labelled by simulated clicks, with <b>${escapeHtml(subject.weights)}</b>, trained on ${escapeHtml(trained)}.</p></header>`,
    figureCards([
      { value: `${percent(final.miou)} %`, label: `mean IoU after ${clicksText(clicks)}` },
      { value: `${percent(final.ap)} %`, label: `average precision after ${clicksText(clicks)}` },
      { value: `${percent(final.pro)} %`, label: `PRO after ${clicksText(clicks)}` },
      { value: `${percent(final.pauroc)} %`, label: `pixel AUROC after ${clicksText(clicks)}` },
      { value: noc['85'].toFixed(2), label: `clicks to IoU 85 %, capped at ${nocCap}` },
      { value: `${msPerClick.p50.toFixed(0)} ms`, label: `a click; 95 % within ${msPerClick.p95.toFixed(0)} ms` },
    ]),
    `<h2>After each click</h2>`,
    `<div class="side-by-side">${metricsTable(evaluation)}\n${nocTable(evaluation)}</div>`,
    `<h2>Curves</h2>`,
    charts(evaluation),
    await gallery('Hardest images', 'Lowest IoU after the last click.', evaluation.worst),
    await gallery('Best images', 'Highest IoU after the last click.', evaluation.best),
    `<h2>Every image</h2>`,
    imageTable(evaluation),
    footer(evaluation, subject, skipped),
  ];
  return htmlPage({ title: `${subject.category}: masks from clicks`, body: sections.filter(Boolean).join('\n') });
}

function metricsTable({ at }: ClickEvaluation): string {
  return htmlTable({
    caption: 'Pixels of all images pooled, each image at its own size; mean IoU over images. In %.',
    head: ['clicks', 'mean IoU', 'AP', 'PRO', 'pixel AUROC'],
    rows: [...at].map(([k, { miou, ap, pro, pauroc }]) => [
      String(k),
      percent(miou),
      percent(ap),
      percent(pro),
      percent(pauroc, 2),
    ]),
  });
}

function nocTable({ noc, failed, nocCap }: ClickEvaluation): string {
  return htmlTable({
    caption: `Mean number of clicks until an IoU is reached; images that need more than ${nocCap} count as ${nocCap}.`,
    head: ['IoU', 'clicks', 'never reached, %'],
    rows: (['80', '85', '90'] as const).map((q) => [`${q} %`, noc[q].toFixed(2), percent(failed[q])]),
  });
}

function charts({ images, at, nocCap }: ClickEvaluation): string {
  const after = Array.from({ length: nocCap }, (_, k) => images.map((image) => image.ious[k]));
  const byClicks: Series = {
    name: 'mean, and middle half of the images',
    points: after.map((ious, k) => ({ x: k + 1, y: mean(ious) })),
    band: after.map((ious, k) => ({ x: k + 1, low: quantile(ious, 0.25), high: quantile(ious, 0.75) })),
    dots: true,
  };
  const curves = [...at].slice(-4);
  const all = [
    lineChart({
      title: 'IoU against clicks',
      description: `Mean IoU ${after.map((ious, k) => `${percent(mean(ious))} after ${k + 1}`).join(', ')}.`,
      x: nocCap > 10 ? { label: 'clicks', min: 1, max: nocCap } : clickAxis(nocCap),
      y: { label: 'IoU', min: 0, max: 1 },
      series: [byClicks],
    }),
    lineChart({
      title: 'Precision against recall',
      description: curves.map(([k, { ap }]) => `Average precision ${percent(ap)} after ${clicksText(k)}`).join(', '),
      x: { label: 'recall', min: 0, max: 1 },
      y: { label: 'precision', min: 0, max: 1 },
      series: curves.map(([k, { curves: c }]) => ({ name: clicksText(k), points: c.precisionRecall })),
    }),
    lineChart({
      title: 'Per-region overlap',
      description: curves.map(([k, { pro }]) => `PRO ${percent(pro)} after ${clicksText(k)}`).join(', '),
      x: { label: 'false positive rate', min: 0, max: PRO_LIMIT },
      y: { label: 'mean overlap of defects', min: 0, max: 1 },
      series: curves.map(([k, { curves: c }]) => ({ name: clicksText(k), points: c.pro })),
    }),
  ];
  return `<div class="side-by-side">${all.map((chart) => `<div class="panel">${chart}</div>`).join('\n')}</div>`;
}

const clickAxis = (clicks: number) => ({
  label: 'clicks',
  min: 1,
  max: clicks,
  ticks: Array.from({ length: clicks }, (_, i) => i + 1),
});

/** Pictures of examples with clicks and both masks, small defects enlarged; empty without pictures. */
async function gallery(title: string, note: string, examples: readonly ClickExample[]): Promise<string> {
  const figures: string[] = [];
  for (const { result, image, mask, predicted, clicks, iou } of examples) {
    if (!image) continue;
    const name = escapeHtml(imageLabel(result));
    const caption = `<b>${name}</b><br>IoU ${percent(iou)} % after ${clicksText(clicks.length)}`;
    const alt = `${imageLabel(result)}: mask from ${clicksText(clicks.length)} beside the true mask, IoU ${percent(iou)} %`;
    const common = { image, truth: mask, predicted, clicks };
    figures.push(await maskFigure({ ...common, alt, caption }));
    const box = detailBox([mask, predicted]);
    if (box)
      figures.push(await maskFigure({ ...common, box, alt: `${alt}, detail`, caption: `<b>${name}</b><br>detail` }));
  }
  if (figures.length === 0) return '';
  return `<h2>${title}</h2>\n<p class="quiet">${note}</p>\n${FIGURE_KEY}\n<div class="shots">${figures.join('\n')}</div>`;
}

function imageTable({ images, at, clicks }: ClickEvaluation): string {
  const counts = [...at.keys()];
  const sorted = [...images].sort((a, b) => a.ious[clicks - 1] - b.ious[clicks - 1]);
  return htmlTable({
    caption: 'Hardest first; IoU in %.',
    head: ['image', ...counts.map((k) => `after ${k}`), 'defect, % of image', 'ms a click'],
    rows: sorted.map((image) => [
      imageLabel(image),
      ...counts.map((k) => percent(image.ious[k - 1])),
      percent(image.defectShare, 2),
      quantile(image.ms, 0.5).toFixed(0),
    ]),
  });
}

function footer(
  { at, clicks, threshold }: ClickEvaluation,
  subject: ReportSubject,
  skipped: readonly string[],
): string {
  const { regions, defectPixels, goodPixels } = at.get(clicks)!;
  const million = (pixels: number) => (pixels / 1e6).toFixed(pixels < 1e6 ? 2 : 1);
  return `<footer>
<h2>How this was measured</h2>
<p>Each image starts without a mask. A simulated annotator clicks the pixel deepest inside the larger error of the mask so far,
defect when it was missed, good surface when it was marked wrongly, and the mask is where the probability exceeds ${threshold}.
AP, PRO (8-connected defects, false positive rates up to ${PRO_LIMIT}) and pixel AUROC are computed exactly from ${million(defectPixels)} million
defect pixels in ${regions} defects and ${million(goodPixels)} million good pixels of the same images. Good images take no part.</p>
${skipped.length ? `<p>Left out, since their masks are empty: ${skipped.map(escapeHtml).join(', ')}.</p>` : ''}
${subject.command ? `<p>Made by <code>${escapeHtml(subject.command)}</code></p>` : ''}
</footer>`;
}
