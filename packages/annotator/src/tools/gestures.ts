/** What each tool does with a pointer: press, move, release. Pointers are in picture coordinates. */
import { type ImagePoint, imagePoint, pixelOf } from '@adclick/core/geometry';
import { clickUnder } from '../canvas/overlay.ts';
import { clamp, pixelAt, type Size } from '../geometry.ts';
import type { Patch } from '../raster/bitmap.ts';
import { patchRle } from '../raster/bitmap.ts';
import { strokePatch } from '../raster/brush.ts';
import { regionPatch, wandPatch } from '../raster/regions.ts';
import { boxPatch, polygonPatch } from '../raster/shapes.ts';
import type { App } from '../state/app.ts';
import type { AppState, Draft, ToolName } from '../state/store.ts';

/** A pointer of the mouse, a pen or a finger. */
export interface Press {
  readonly point: ImagePoint;
  /** Right button or Alt: the opposite of what the tool usually does. */
  readonly negative: boolean;
}

interface Tool {
  press(app: App, press: Press): void;
  move?(app: App, press: Press): void;
  release?(app: App, press: Press): void;
}

type PaintTool = 'brush' | 'eraser' | 'polygon' | 'box' | 'wand' | 'fillHoles' | 'removeRegion';

/** Sends what a drawing tool made; says so when nothing came of it. @returns whether anything was sent. */
export function paint(app: App, tool: PaintTool, type: number, patch: Patch, erase: boolean): boolean {
  const { image } = app.store.getState();
  const rle = image && patchRle(patch, image);
  if (!rle) return false;
  app.act({ kind: 'paint', tool, type, add: erase ? null : rle, remove: erase ? rle : null });
  return true;
}

/** The type to draw with; says what to do when there is none. */
function typeToDraw(app: App): number | null {
  const { activeType } = app.store.getState();
  if (activeType === null) app.notify('info', 'There is no defect type yet.', 'Add one in the panel on the right.');
  return activeType;
}

/** The type to take pixels from: the one in sight there, else the chosen one. */
function typeToErase(app: App, point: ImagePoint): number | null {
  const { image, activeType } = app.store.getState();
  const pixel = image && pixelAt(point, image);
  return (pixel && image.mask.typeAt(pixel.x, pixel.y)) ?? activeType;
}

const setDraft = (app: App, draft: Draft | null) => app.store.setState({ draft });

/** Places a click on the pixel under a point, inside the picture. */
export function placeClick(app: App, point: ImagePoint, negative: boolean): void {
  const { image } = app.store.getState();
  const pixel = image && pixelAt(point, image);
  if (!image || !pixel) return;
  const { clicks, activeType: region } = image.facts;
  const type = negative && region !== null ? region : typeToDraw(app);
  if (type === null) return;
  if (negative && clicks.length === 0 && image.mask.types().length === 0 && !image.proposal?.rle) {
    app.notify('info', 'A negative click needs something to take away from.', 'Click on the defect first.');
    return;
  }
  app.act({ kind: 'click', type, click: { x: pixel.x, y: pixel.y, positive: !negative } });
}

/** The nearest place that is not beyond the centres of the picture's outermost pixels. */
const inside = (point: ImagePoint, { width, height }: Size): ImagePoint =>
  imagePoint(clamp(point.x, 0, width - 1), clamp(point.y, 0, height - 1));

const click: Tool = {
  press(app, { point, negative }) {
    const state = app.store.getState();
    const index = clickUnder(state, point);
    if (index < 0) placeClick(app, point, negative);
    else if (negative) app.act({ kind: 'deleteClick', index });
    else setDraft(app, { kind: 'dragClick', index, to: point });
  },
  move(app, { point }) {
    const { draft, image } = app.store.getState();
    if (draft?.kind === 'dragClick' && image) setDraft(app, { ...draft, to: inside(point, image) });
  },
  release(app) {
    const { draft, image } = app.store.getState();
    if (draft?.kind !== 'dragClick' || !image) return;
    setDraft(app, null);
    const before = image.facts.clicks[draft.index];
    const { x, y } = pixelOf(draft.to);
    if (before && (before.x !== x || before.y !== y)) app.act({ kind: 'moveClick', index: draft.index, x, y });
  },
};

/** The click tool the other way round, for screens without a second button. */
const minus: Tool = {
  ...click,
  press: (app, press) =>
    click.press(app, { ...press, negative: !press.negative && clickUnder(app.store.getState(), press.point) < 0 }),
};

/** Brush and eraser show every piece of a stroke at once and send it whole. */
function stroke(erases: boolean): Tool {
  const extend = (app: App, draft: Extract<Draft, { kind: 'stroke' }>, points: readonly ImagePoint[]) => {
    const { image, brushSize } = app.store.getState();
    if (!image) return;
    image.mask.paint(draft.type, strokePatch(points, brushSize, image), draft.erase ? 0 : 1);
    app.store.setState({ image: { ...image, maskChanges: image.maskChanges + 1 } });
  };
  return {
    press(app, { point, negative }) {
      const erase = erases !== negative;
      const type = erase ? typeToErase(app, point) : typeToDraw(app);
      if (type === null) return;
      const draft = { kind: 'stroke', type, erase, points: [point] } as const;
      setDraft(app, draft);
      extend(app, draft, [point]);
    },
    move(app, { point }) {
      const { draft } = app.store.getState();
      if (draft?.kind !== 'stroke') return;
      setDraft(app, { ...draft, points: [...draft.points, point] });
      extend(app, draft, [draft.points[draft.points.length - 1], point]);
    },
    release(app) {
      const { draft, image, brushSize } = app.store.getState();
      if (draft?.kind !== 'stroke' || !image) return;
      setDraft(app, null);
      paint(
        app,
        draft.erase ? 'eraser' : 'brush',
        draft.type,
        strokePatch(draft.points, brushSize, image),
        draft.erase,
      );
    },
  };
}

const box: Tool = {
  press(app, { point }) {
    if (typeToDraw(app) !== null) setDraft(app, { kind: 'box', from: point, to: point });
  },
  move(app, { point }) {
    const { draft } = app.store.getState();
    if (draft?.kind === 'box') setDraft(app, { ...draft, to: point });
  },
  release(app, { negative }) {
    const { draft, image, activeType } = app.store.getState();
    if (draft?.kind !== 'box' || !image || activeType === null) return;
    setDraft(app, null);
    paint(app, 'box', activeType, boxPatch(draft.from, draft.to, image), negative);
  },
};

/** CSS pixels around the first corner that close a polygon. */
const CLOSING = 10;

/** Fills the polygon in work. */
export function closePolygon(app: App): void {
  const { draft, image, activeType } = app.store.getState();
  if (draft?.kind !== 'polygon' || !image || activeType === null) return;
  setDraft(app, null);
  if (!paint(app, 'polygon', activeType, polygonPatch(draft.points, image), false))
    app.notify('info', 'That polygon holds no pixel.');
}

const polygon: Tool = {
  press(app, { point, negative }) {
    const { draft, view } = app.store.getState();
    if (negative) return closePolygon(app);
    if (draft?.kind !== 'polygon') {
      if (typeToDraw(app) !== null) setDraft(app, { kind: 'polygon', points: [point] });
      return;
    }
    const [first] = draft.points;
    const near = Math.hypot(first.x - point.x, first.y - point.y) * view.scale <= CLOSING;
    if (near && draft.points.length > 2) closePolygon(app);
    else setDraft(app, { ...draft, points: [...draft.points, point] });
  },
};

/** The magic wand needs the picture's pixels, which the canvas has. */
export type PixelSource = () => Uint8ClampedArray | null;

const wand = (pixels: PixelSource): Tool => ({
  press(app, { point, negative }) {
    const { image, tolerance } = app.store.getState();
    const at = image && pixelAt(point, image);
    const rgba = pixels();
    const type = negative ? typeToErase(app, point) : typeToDraw(app);
    if (!image || !at || !rgba || type === null) return;
    paint(app, 'wand', type, wandPatch(rgba, at, tolerance, image), negative);
  },
});

const region: Tool = {
  press(app, { point }) {
    const { image } = app.store.getState();
    const at = image && pixelAt(point, image);
    const type = at && image.mask.typeAt(at.x, at.y);
    if (!at || type === undefined) return app.notify('info', 'There is no region here.');
    paint(
      app,
      'removeRegion',
      type as number,
      regionPatch(image.mask.layer(type as number) as Uint8Array, at, image),
      true,
    );
  },
};

/** All tools but panning, which is the canvas's own affair. */
export function makeTools(pixels: PixelSource): Readonly<Record<Exclude<ToolName, 'pan'>, Tool>> {
  return { click, minus, brush: stroke(false), eraser: stroke(true), box, polygon, wand: wand(pixels), region };
}

/** Ends a gesture without a result. */
export function cancelGesture(app: App): void {
  const { draft }: AppState = app.store.getState();
  if (!draft) return;
  setDraft(app, null);
  if (draft.kind === 'stroke') app.redraw();
}
