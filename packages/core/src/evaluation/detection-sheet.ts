/** A detector on one page section: its figures beside the residual's, and pictures that it has not seen, each with its map and regions. */
import { drawHeat } from '../image/draw.ts';
import type { Mask, RgbImage } from '../image/types.ts';
import type { Detection } from '../inference/detector.ts';
import type { DetectorThresholds } from '../inference/detector-card.ts';
import { regionMask } from '../inference/regions.ts';
import type { DetectionFigures } from './detection.ts';
import { DETECTION_KEY } from './detection-report.ts';
import { maskFigure } from './figures.ts';
import { escapeHtml, htmlTable } from './page.ts';

/** A picture and what a detector says of it. */
export interface DetectionShot {
  readonly name: string;
  readonly image: RgbImage;
  /** At the size of the image; without one the picture is good. */
  readonly truth?: Mask;
  readonly detection: Detection;
}

export interface DetectionSheet {
  readonly title: string;
  readonly description: string;
  /** What should be known of the detector, such as that its network was left aside. */
  readonly notes: readonly string[];
  readonly thresholds: DetectorThresholds;
  /** Pixels of a picture for each pixel of the model grid. */
  readonly scale: number;
  /** Rows of the table: what made a map, and its figures. */
  readonly figures: readonly { readonly name: string; readonly of: DetectionFigures }[];
  readonly defects: readonly DetectionShot[];
  readonly good: readonly DetectionShot[];
}

const percent = (value: number, digits = 1) => (100 * value).toFixed(digits);

/** The section as HTML, to be put into {@link htmlPage}'s body. */
export async function renderDetectionSheet(sheet: DetectionSheet): Promise<string> {
  const { title, description, notes, figures, defects, good } = sheet;
  const rows = figures.map(({ name, of }) => [
    name,
    percent(of.ap),
    percent(of.pro),
    percent(of.pauroc, 2),
    percent(of.iauroc),
  ]);
  const parts = [
    `<h2>${escapeHtml(title)}</h2>`,
    `<p class="quiet">${escapeHtml(description)}</p>`,
    ...notes.map((note) => `<p>${escapeHtml(note)}</p>`),
    htmlTable({
      caption: 'Pixels of all these pictures pooled; image AUROC from one score a picture. In %.',
      head: ['map', 'AP', 'PRO', 'pixel AUROC', 'image AUROC'],
      rows,
    }),
    '<h3>Defects</h3>',
    DETECTION_KEY,
    await shots(defects, sheet),
    '<h3>Good parts</h3>',
    await shots(good, sheet),
  ];
  return `<section>${parts.join('\n')}</section>`;
}

/** Each picture twice: with its regions, and under its map. */
async function shots(of: readonly DetectionShot[], { thresholds, scale }: DetectionSheet): Promise<string> {
  const figures: string[] = [];
  for (const { name, image, truth, detection } of of) {
    const { map } = detection;
    const predicted = regionMask(map, thresholds.map, thresholds.minArea * scale);
    const said = verdict(detection, thresholds, truth !== undefined);
    const title = `<b>${escapeHtml(name)}</b><br>`;
    figures.push(
      await maskFigure({ image, truth, predicted, alt: `${name}: regions, ${said}`, caption: `${title}${said}` }),
    );
    const heat = drawHeat(map, { low: 0, high: 1 }, image);
    const caption = `${title}map; ${regionsText(detection)}`;
    figures.push(await maskFigure({ image: heat, truth, alt: `${name}: map`, caption }));
  }
  return `<div class="shots">${figures.join('\n')}</div>`;
}

/** The score beside its threshold, and whether the decision is right. */
function verdict({ score, isDefect }: Detection, thresholds: DetectorThresholds, defective: boolean): string {
  const called = isDefect ? 'defective' : 'good';
  const wrong = isDefect === defective ? '' : `, ${defective ? 'missed' : 'a false alarm'}`;
  return `score ${score.toFixed(3)}, threshold ${thresholds.score.toFixed(3)}: ${called}${wrong}`;
}

function regionsText({ regions }: Detection): string {
  const [first] = regions;
  if (!first) return 'no region';
  const largest = `${first.area.toLocaleString('en')} px`;
  return regions.length === 1 ? `one region, ${largest}` : `${regions.length} regions, the largest ${largest}`;
}
