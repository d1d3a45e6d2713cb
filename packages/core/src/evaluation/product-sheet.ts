/** A product on one page section: good examples, each defect, the clicks on it and the mask after each of them. */
import type { Click } from '../clicks/types.ts';
import type { Mask, RgbImage } from '../image/types.ts';
import { FIGURE_KEY, maskFigure } from './figures.ts';
import { clicksText, escapeHtml } from './page.ts';

/** The mask after some clicks. */
export interface SheetStep {
  readonly clicks: readonly Click[];
  readonly predicted: Mask;
  /** Against the true mask, when that is known. */
  readonly iou?: number;
}

/** A picture with a defect and how it was labelled. */
export interface SheetDefect {
  readonly name: string;
  readonly image: RgbImage;
  readonly truth?: Mask;
  readonly steps: readonly SheetStep[];
}

export interface ProductSheet {
  readonly name: string;
  readonly description?: string;
  /** A few good pictures. */
  readonly good: readonly RgbImage[];
  readonly defects: readonly SheetDefect[];
}

/** The section as HTML, to be put into {@link htmlPage}'s body. */
export async function renderProductSheet({ name, description, good, defects }: ProductSheet): Promise<string> {
  const goodFigures: string[] = [];
  for (const [i, image] of good.entries())
    goodFigures.push(
      await maskFigure({ image, alt: `${name}, good example ${i + 1}`, caption: `good example ${i + 1}` }),
    );
  const parts = [
    `<h2>${escapeHtml(name)}</h2>`,
    description ? `<p class="quiet">${escapeHtml(description)}</p>` : '',
    `<div class="shots">${goodFigures.join('\n')}</div>`,
    FIGURE_KEY,
  ];
  for (const defect of defects) parts.push(await defectRow(name, defect));
  return `<section>${parts.filter(Boolean).join('\n')}</section>`;
}

async function defectRow(product: string, { name, image, truth, steps }: SheetDefect): Promise<string> {
  const title = `${product}, ${name}`;
  const figures = [await maskFigure({ image, alt: `${title}: the picture`, caption: `<b>${escapeHtml(name)}</b>` })];
  for (const { clicks, predicted, iou } of steps) {
    const after = `after ${clicksText(clicks.length)}`;
    const figure = iou === undefined ? '' : `IoU ${(iou * 100).toFixed(1)} %`;
    const alt = `${title}: mask ${after}${figure && `, ${figure}`}`;
    figures.push(
      await maskFigure({
        image,
        truth,
        predicted,
        clicks,
        alt,
        caption: [`<b>${after}</b>`, figure].filter(Boolean).join('<br>'),
      }),
    );
  }
  return `<h3>${escapeHtml(name)}</h3>\n<div class="shots">${figures.join('\n')}</div>`;
}
