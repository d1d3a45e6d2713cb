/** Draws the store onto two canvases, at most once a frame and only the one whose part has changed. */
import { type AppState, candidatesShown, proposalShown, type Store } from '../state/store.ts';
import { MaskLayer } from './mask-layer.ts';
import { drawOverlay } from './overlay.ts';
import { PictureLayer } from './picture-layer.ts';
import { SuggestionLayer } from './suggestion-layer.ts';

/** Parts of the state that the lower canvas shows. */
const BASE = ['view', 'screen', 'looks', 'types', 'activeType', 'theme'] as const;
/** Parts of the image that it shows. */
const BASE_IMAGE = ['id', 'picture', 'mask', 'maskChanges'] as const;
/** Parts of the state that only the upper one shows. */
const OVERLAY = ['image', 'draft', 'pointer', 'cross', 'tool', 'brushSize'] as const;

export class Renderer {
  readonly picture = new PictureLayer();
  private readonly mask = new MaskLayer();
  private readonly proposal = new SuggestionLayer();
  private readonly candidates = new SuggestionLayer();
  private readonly base: CanvasRenderingContext2D;
  private readonly overlay: CanvasRenderingContext2D;
  private readonly unsubscribe: () => void;
  private baseStale = true;
  private overlayStale = true;
  private frame = 0;

  constructor(
    baseCanvas: HTMLCanvasElement,
    overlayCanvas: HTMLCanvasElement,
    private readonly store: Store,
  ) {
    this.base = baseCanvas.getContext('2d', { alpha: false }) as CanvasRenderingContext2D;
    this.overlay = overlayCanvas.getContext('2d') as CanvasRenderingContext2D;
    this.unsubscribe = store.subscribe((now, before) => {
      if (BASE.some((key) => now[key] !== before[key]) || isBaseChanged(now, before)) this.invalidate(true);
      else if (OVERLAY.some((key) => now[key] !== before[key])) this.invalidate(false);
    });
    this.invalidate(true);
  }

  close(): void {
    this.unsubscribe();
    cancelAnimationFrame(this.frame);
  }

  /** Asks for a frame. A change below changes what lies above too, since both move together. */
  invalidate(base: boolean): void {
    this.baseStale ||= base;
    this.overlayStale = true;
    if (this.frame === 0) this.frame = requestAnimationFrame(() => this.draw());
  }

  private draw(): void {
    this.frame = 0;
    const state = this.store.getState();
    const ratio = window.devicePixelRatio || 1;
    if (this.baseStale) this.drawBase(state, ratio);
    if (this.overlayStale) {
      prepare(this.overlay, state, ratio);
      this.overlay.clearRect(0, 0, state.screen.width, state.screen.height);
      const rle = candidatesShown(state)?.rle;
      if (rle) this.candidates.draw(this.overlay, rle, state.view);
      if (state.image) drawOverlay(this.overlay, state, { accent: cssColour('--accent') });
    }
    this.baseStale = false;
    this.overlayStale = false;
  }

  private drawBase(state: AppState, ratio: number): void {
    const { image, view, screen, looks, types, activeType } = state;
    prepare(this.base, state, ratio);
    // What is on the screen now, for tests and measurements.
    const { dataset } = this.base.canvas;
    dataset.view = `${view.scale} ${view.x} ${view.y}`;
    dataset.drawn = image ? `${image.id} ${image.server.version} ${image.maskChanges}` : '';
    this.base.fillStyle = cssColour('--canvas');
    this.base.fillRect(0, 0, screen.width, screen.height);
    if (!image) return;
    this.picture.setPicture(image.picture);
    this.picture.draw(this.base, view, image, screen, ratio);
    if (!looks.showMask) return;
    const colours = new Map(types.map(({ id, colour }) => [id, colour]));
    this.mask.update(image.mask, (type) => colours.get(type) ?? '#888888');
    this.mask.draw(this.base, view, screen, looks.opacity, ratio);
    const rle = proposalOf(state);
    if (rle) this.proposal.draw(this.base, rle, view, colours.get(activeType ?? -1) ?? cssColour('--accent'));
  }
}

/** The proposal that lies on the canvas. */
const proposalOf = (state: AppState) => (proposalShown(state) ? state.image?.proposal?.rle : null) ?? null;

/** Whether the lower canvas shows another image or something else of it: a click that waits for its answer lies above. */
function isBaseChanged(now: AppState, before: AppState): boolean {
  if (now.image === before.image) return false;
  return BASE_IMAGE.some((key) => now.image?.[key] !== before.image?.[key]) || proposalOf(now) !== proposalOf(before);
}

const cssColour = (name: string) => getComputedStyle(document.documentElement).getPropertyValue(name).trim() || '#888';

/** Makes a canvas as large as its place and lets drawing go on in CSS pixels. */
function prepare(context: CanvasRenderingContext2D, { screen }: AppState, ratio: number): void {
  const { canvas } = context;
  const [width, height] = [Math.round(screen.width * ratio), Math.round(screen.height * ratio)];
  if (canvas.width !== width || canvas.height !== height) {
    canvas.width = width;
    canvas.height = height;
  }
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
}
