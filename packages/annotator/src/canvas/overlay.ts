/** What lies over picture and mask and is drawn by geometry: clicks, the brush, drafts of shapes, the keyboard's cross. */
import { type ImagePoint, imagePoint } from '@adclick/core/geometry';
import { brushCentre } from '../raster/brush.ts';
import type { AppState } from '../state/store.ts';
import { toScreen, type View } from '../state/view.ts';

const POSITIVE = '#12a150';
const NEGATIVE = '#e02020';
/** CSS pixels: small, since defects are. */
const CLICK_RADIUS = 6;

export interface OverlayInks {
  readonly accent: string;
}

type Context = CanvasRenderingContext2D;

/** A line that is seen on dark and on bright ground. */
function strokeTwice(context: Context, path: Path2D, dash: readonly number[] = [], ink = '#fff'): void {
  context.setLineDash([]);
  context.lineWidth = 3;
  context.strokeStyle = 'rgb(0 0 0 / 0.55)';
  context.stroke(path);
  context.setLineDash([...dash]);
  context.lineWidth = 1.5;
  context.strokeStyle = ink;
  context.stroke(path);
  context.setLineDash([]);
}

function drawClick(context: Context, view: View, point: ImagePoint, positive: boolean, active: boolean): void {
  const { x, y } = toScreen(view, point);
  const radius = active ? CLICK_RADIUS + 2 : CLICK_RADIUS;
  context.beginPath();
  context.arc(x, y, radius, 0, 2 * Math.PI);
  context.fillStyle = positive ? POSITIVE : NEGATIVE;
  context.fill();
  context.lineWidth = 1.5;
  context.strokeStyle = '#fff';
  context.stroke();
  context.beginPath();
  context.moveTo(x - 3, y);
  context.lineTo(x + 3, y);
  if (positive) {
    context.moveTo(x, y - 3);
    context.lineTo(x, y + 3);
  }
  context.stroke();
}

/** The place of the click under a screen point, -1 when there is none. @param reach CSS pixels. */
export function clickUnder(
  state: Pick<AppState, 'image' | 'view'>,
  point: ImagePoint,
  reach = CLICK_RADIUS + 4,
): number {
  const clicks = state.image?.facts.clicks ?? [];
  const distance = clicks.map(({ x, y }) => Math.hypot(x - point.x, y - point.y) * state.view.scale);
  const nearest = distance.indexOf(Math.min(...distance));
  return nearest >= 0 && distance[nearest] <= reach ? nearest : -1;
}

function drawClicks(context: Context, { image, view, draft, pointer, tool }: AppState): void {
  const hot = pointer && (tool === 'click' || tool === 'minus') ? clickUnder({ image, view }, pointer) : -1;
  for (const [i, click] of (image?.facts.clicks ?? []).entries()) {
    const dragged = draft?.kind === 'dragClick' && draft.index === i;
    drawClick(context, view, dragged ? draft.to : imagePoint(click.x, click.y), click.positive, dragged || i === hot);
  }
}

function drawBrush(context: Context, { tool, pointer, brushSize, view }: AppState): void {
  if (!pointer || (tool !== 'brush' && tool !== 'eraser')) return;
  const path = new Path2D();
  const centre = toScreen(view, brushCentre(pointer, brushSize));
  const radius = (brushSize / 2) * view.scale;
  if (brushSize === 1) path.rect(centre.x - radius, centre.y - radius, 2 * radius, 2 * radius);
  else path.arc(centre.x, centre.y, radius, 0, 2 * Math.PI);
  strokeTwice(context, path, tool === 'eraser' ? [4, 3] : []);
}

function drawDraft(context: Context, { draft, view, pointer }: AppState, { accent }: OverlayInks): void {
  if (draft?.kind === 'box') {
    const [a, b] = [toScreen(view, draft.from), toScreen(view, draft.to)];
    const path = new Path2D();
    path.rect(Math.min(a.x, b.x), Math.min(a.y, b.y), Math.abs(a.x - b.x), Math.abs(a.y - b.y));
    strokeTwice(context, path, [5, 4]);
  }
  if (draft?.kind !== 'polygon') return;
  const corners = draft.points.map((point) => toScreen(view, point));
  const path = new Path2D();
  for (const [i, { x, y }] of corners.entries()) i === 0 ? path.moveTo(x, y) : path.lineTo(x, y);
  if (pointer) {
    const { x, y } = toScreen(view, pointer);
    path.lineTo(x, y);
  }
  strokeTwice(context, path);
  for (const [i, { x, y }] of corners.entries()) {
    context.beginPath();
    context.arc(x, y, i === 0 ? 6 : 4, 0, 2 * Math.PI);
    context.fillStyle = i === 0 ? accent : '#fff';
    context.fill();
    context.lineWidth = 1.5;
    context.strokeStyle = i === 0 ? '#fff' : '#333';
    context.stroke();
  }
}

function drawCross(context: Context, { cross, view }: AppState, { accent }: OverlayInks): void {
  if (!cross) return;
  const { x, y } = toScreen(view, cross);
  const path = new Path2D();
  for (const [dx, dy] of [
    [1, 0],
    [-1, 0],
    [0, 1],
    [0, -1],
  ]) {
    path.moveTo(x + dx * 5, y + dy * 5);
    path.lineTo(x + dx * 18, y + dy * 18);
  }
  strokeTwice(context, path, [], accent);
  // The pixel itself, once it is large enough to be seen.
  const side = Math.max(3, view.scale);
  const pixel = new Path2D();
  pixel.rect(x - side / 2, y - side / 2, side, side);
  strokeTwice(context, pixel);
}

/** Draws everything but what the model suggests. */
export function drawOverlay(context: Context, state: AppState, inks: OverlayInks): void {
  drawDraft(context, state, inks);
  drawClicks(context, state);
  drawBrush(context, state);
  drawCross(context, state, inks);
}
