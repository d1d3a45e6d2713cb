/** What the model suggests and nobody has taken: a dashed line around it, hatched inside where it is a proposal, so that it is no mask. */
import { decodeRle, traceContours } from '@adclick/core/geometry';
import type { Rle } from 'adclick/api';
import type { View } from '../state/view.ts';

/** CSS pixels between hatch lines. */
const HATCH = 7;

/** A ragged suggestion is drawn without the rest of its outline. */
const MOST_CORNERS = 40_000;

function hatchTile(colour: string): HTMLCanvasElement {
  const tile = document.createElement('canvas');
  tile.width = HATCH;
  tile.height = HATCH;
  const context = tile.getContext('2d') as CanvasRenderingContext2D;
  context.strokeStyle = colour;
  context.lineWidth = 2;
  context.beginPath();
  for (const shift of [-HATCH, 0, HATCH]) {
    context.moveTo(shift - 1, HATCH + 1);
    context.lineTo(shift + HATCH + 1, -1);
  }
  context.stroke();
  return tile;
}

/** The outline as a path in pixel edges. */
function outline(rle: Rle): Path2D {
  const path = new Path2D();
  for (const ring of traceContours(decodeRle(rle), rle.width, rle.height, { most: MOST_CORNERS })) {
    path.moveTo(ring[0], ring[1]);
    for (let i = 2; i < ring.length; i += 2) path.lineTo(ring[i], ring[i + 1]);
    path.closePath();
  }
  return path;
}

export class SuggestionLayer {
  private rle: Rle | null = null;
  private path: Path2D | null = null;

  /** @param hatch colour of the hatching; none without it. */
  draw(context: CanvasRenderingContext2D, rle: Rle, view: View, hatch?: string): void {
    if (rle !== this.rle) {
      this.rle = rle;
      this.path = outline(rle);
    }
    if (!this.path) return;
    // Path and pattern are in CSS pixels, so that hatch and dashes keep their size at every zoom.
    const onScreen = new Path2D();
    onScreen.addPath(this.path, new DOMMatrix([view.scale, 0, 0, view.scale, view.x, view.y]));
    const pattern = hatch === undefined ? null : context.createPattern(hatchTile(hatch), 'repeat');
    if (pattern) {
      context.fillStyle = pattern;
      context.fill(onScreen, 'evenodd');
    }
    context.lineWidth = 2.5;
    context.strokeStyle = 'rgb(0 0 0 / 0.45)';
    context.stroke(onScreen);
    context.lineWidth = 1.5;
    context.setLineDash([5, 4]);
    context.strokeStyle = '#fff';
    context.stroke(onScreen);
    context.setLineDash([]);
  }
}
