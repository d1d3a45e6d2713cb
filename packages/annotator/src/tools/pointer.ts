/** Mouse, pen and fingers on the canvas: one finger or button draws; two fingers, the wheel, the middle button or Space move the picture. */
import { clickUnder } from '../canvas/overlay.ts';
import { type ScreenPoint, screenPoint } from '../geometry.ts';
import type { App } from '../state/app.ts';
import type { ToolName } from '../state/store.ts';
import { keepInSight, panBy, toImage, type View, zoomTo } from '../state/view.ts';
import { cancelGesture, makeTools, type PixelSource } from './gestures.ts';

/** Zoom of one wheel notch of 100 CSS pixels. */
const WHEEL = 1.0018;

/** CSS pixels that a finger may slip in a tap, and around a click that it takes hold of. */
const SLIP = 10;
const TOUCH = 22;

/** Tools that place single points. */
const TAPPING: ReadonlySet<ToolName> = new Set(['click', 'minus', 'wand', 'region', 'polygon']);

export class PointerControl {
  private readonly tools: ReturnType<typeof makeTools>;
  private readonly fingers = new Map<number, ScreenPoint>();
  private mode: 'idle' | 'draw' | 'tap' | 'pan' | 'pinch' = 'idle';
  private start = screenPoint(0, 0);
  private negative = false;
  private space = false;
  private readonly stop = new AbortController();

  constructor(
    private readonly element: HTMLElement,
    private readonly app: App,
    pixels: PixelSource,
  ) {
    this.tools = makeTools(pixels);
    const { signal } = this.stop;
    element.addEventListener('pointerdown', (event) => this.down(event), { signal });
    element.addEventListener('pointermove', (event) => this.move(event), { signal });
    element.addEventListener('pointerup', (event) => this.up(event), { signal });
    element.addEventListener('pointercancel', (event) => this.cancel(event), { signal });
    element.addEventListener('pointerleave', () => this.app.store.setState({ pointer: null }), { signal });
    element.addEventListener('contextmenu', (event) => event.preventDefault(), { signal });
    element.addEventListener('wheel', (event) => this.wheel(event), { signal, passive: false });
    window.addEventListener('keydown', (event) => this.key(event, true), { signal });
    window.addEventListener('keyup', (event) => this.key(event, false), { signal });
    window.addEventListener('blur', () => this.setSpace(false), { signal });
  }

  close(): void {
    this.stop.abort();
  }

  private at(event: { clientX: number; clientY: number }): ScreenPoint {
    const { left, top } = this.element.getBoundingClientRect();
    return screenPoint(event.clientX - left, event.clientY - top);
  }

  private toImage(point: ScreenPoint) {
    return toImage(this.app.store.getState().view, point);
  }

  private setView(view: View): void {
    const { image, screen } = this.app.store.getState();
    if (image) this.app.store.setState({ view: keepInSight(view, image, screen) });
  }

  private down(event: PointerEvent): void {
    const { image, tool } = this.app.store.getState();
    if (!image) return;
    this.element.focus({ preventScroll: true });
    this.element.setPointerCapture(event.pointerId);
    const point = this.at(event);
    this.fingers.set(event.pointerId, point);
    if (event.pointerType !== 'touch') this.app.store.setState({ cross: null });
    if (this.fingers.size === 2) {
      // A second finger: what the first one began was the start of a pinch.
      cancelGesture(this.app);
      this.mode = 'pinch';
      return;
    }
    if (this.mode !== 'idle') return;
    if (event.button === 1 || this.space || tool === 'pan') {
      event.preventDefault();
      this.mode = 'pan';
      return;
    }
    if (event.button !== 0 && event.button !== 2) return;
    this.negative = event.button === 2 || event.altKey;
    // With tools that place single points a finger that moves pans, and one that taps places: a pinch leaves no click behind.
    const onClick =
      (tool === 'click' || tool === 'minus') && clickUnder(this.app.store.getState(), this.toImage(point), TOUCH) >= 0;
    if (event.pointerType === 'touch' && TAPPING.has(tool) && !onClick) {
      this.mode = 'tap';
      this.start = point;
      return;
    }
    this.mode = 'draw';
    this.tools[tool].press(this.app, { point: this.toImage(point), negative: this.negative });
  }

  private move(event: PointerEvent): void {
    const { tool, view } = this.app.store.getState();
    const point = this.at(event);
    const before = this.fingers.get(event.pointerId);
    if (this.mode === 'pinch' && before) {
      this.pinch(event.pointerId, before, point);
      return;
    }
    if (before) this.fingers.set(event.pointerId, point);
    if (this.mode === 'tap' && Math.hypot(point.x - this.start.x, point.y - this.start.y) > SLIP) this.mode = 'pan';
    if (this.mode === 'pan' && before) {
      this.setView(panBy(view, point.x - before.x, point.y - before.y));
      return;
    }
    // Pens and fast mice report several places a frame; strokes use them all.
    const places = this.mode === 'draw' && event.getCoalescedEvents ? event.getCoalescedEvents() : [];
    const target = tool === 'pan' ? null : this.tools[tool];
    if (this.mode === 'draw')
      for (const place of places.length > 0 ? places : [event])
        target?.move?.(this.app, { point: this.toImage(this.at(place)), negative: this.negative });
    this.app.store.setState({ pointer: this.toImage(point) });
  }

  private pinch(id: number, before: ScreenPoint, now: ScreenPoint): void {
    const other = [...this.fingers].find(([finger]) => finger !== id)?.[1];
    this.fingers.set(id, now);
    if (!other) return;
    const spread = (a: ScreenPoint, b: ScreenPoint) => Math.max(8, Math.hypot(a.x - b.x, a.y - b.y));
    const { view } = this.app.store.getState();
    const middle = screenPoint((now.x + other.x) / 2, (now.y + other.y) / 2);
    const moved = panBy(view, (now.x - before.x) / 2, (now.y - before.y) / 2);
    this.setView(zoomTo(moved, middle, (view.scale * spread(now, other)) / spread(before, other)));
  }

  private up(event: PointerEvent): void {
    const point = this.at(event);
    const { tool } = this.app.store.getState();
    this.fingers.delete(event.pointerId);
    if ((this.mode === 'draw' || this.mode === 'tap') && tool !== 'pan') {
      const press = { point: this.toImage(point), negative: this.negative };
      if (this.mode === 'tap') this.tools[tool].press(this.app, press);
      this.tools[tool].release?.(this.app, press);
    }
    if (this.fingers.size === 0) this.mode = 'idle';
    if (event.pointerType === 'touch') this.app.store.setState({ pointer: null });
  }

  private cancel(event: PointerEvent): void {
    this.fingers.delete(event.pointerId);
    cancelGesture(this.app);
    if (this.fingers.size === 0) this.mode = 'idle';
  }

  private wheel(event: WheelEvent): void {
    event.preventDefault();
    const { view } = this.app.store.getState();
    const unit = event.deltaMode === 1 ? 33 : 1;
    if (event.shiftKey) {
      this.setView(panBy(view, -event.deltaY * unit, -event.deltaX * unit));
      return;
    }
    const factor = WHEEL ** (-event.deltaY * unit * (event.ctrlKey ? 4 : 1));
    this.setView(zoomTo(view, this.at(event), view.scale * factor));
  }

  private key(event: KeyboardEvent, down: boolean): void {
    // With the keyboard's cross in sight Space clicks; otherwise it turns the pointer into a hand.
    if (event.key !== ' ' || this.app.store.getState().cross) return;
    if (document.activeElement === this.element && down) event.preventDefault();
    this.setSpace(down);
  }

  private setSpace(on: boolean): void {
    this.space = on;
    this.element.classList.toggle('hand', on);
  }
}
