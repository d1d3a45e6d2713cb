/** Zoom and pan arithmetic. */
import { imagePoint } from '@adclick/core/geometry';
import { describe, expect, it } from 'vitest';
import { screenPoint } from '../geometry.ts';
import { fitView, keepInSight, levelFor, panBy, reveal, toImage, toScreen, visibleBox, zoomTo } from './view.ts';

const screen = { width: 800, height: 600 };

describe('view', () => {
  it('goes to the screen and back', () => {
    const view = { scale: 3.7, x: -120, y: 55 };
    const back = toImage(view, toScreen(view, imagePoint(12.25, 91.5)));
    expect(back.x).toBeCloseTo(12.25);
    expect(back.y).toBeCloseTo(91.5);
  });

  it('shows a pixel from half a pixel before its centre', () => {
    const view = { scale: 8, x: 100, y: 50 };
    expect(toScreen(view, imagePoint(0, 3))).toEqual({ x: 104, y: 78 });
    expect(toImage(view, screenPoint(100, 50))).toEqual({ x: -0.5, y: -0.5 });
  });

  it('does not take places of the screen for places of the picture', () => {
    // @ts-expect-error a place of the screen
    expect(() => toScreen(fitView(screen, screen), screenPoint(1, 2))).not.toThrow();
    // @ts-expect-error a place of the picture
    expect(() => toImage(fitView(screen, screen), imagePoint(1, 2))).not.toThrow();
  });

  it('keeps the place under the pointer when it zooms', () => {
    const view = { scale: 0.5, x: 10, y: 20 };
    const anchor = screenPoint(300, 200);
    const before = toImage(view, anchor);
    const after = toImage(zoomTo(view, anchor, 8), anchor);
    expect(after.x).toBeCloseTo(before.x);
    expect(after.y).toBeCloseTo(before.y);
    expect(zoomTo(view, anchor, 1000).scale).toBe(64);
  });

  it('fits large pictures whole and enlarges small ones by whole factors', () => {
    const large = fitView({ width: 4000, height: 3000 }, screen);
    expect(4000 * large.scale).toBeLessThanOrEqual(800);
    expect(3000 * large.scale).toBeLessThanOrEqual(600);
    expect(fitView({ width: 500, height: 500 }, screen).scale).toBe(1);
    expect(fitView({ width: 100, height: 100 }, screen).scale).toBe(5);
  });

  it('never loses the picture', () => {
    const picture = { width: 100, height: 100 };
    const lost = keepInSight(panBy({ scale: 1, x: 0, y: 0 }, 5000, -5000), picture, screen);
    const box = visibleBox(lost, picture, screen);
    expect(box.right).toBeGreaterThan(box.left);
    expect(box.bottom).toBeGreaterThan(box.top);
  });

  it('moves only when a place is out of sight', () => {
    const view = { scale: 1, x: 0, y: 0 };
    expect(reveal(view, imagePoint(400, 300), screen)).toBe(view);
    expect(toScreen(reveal(view, imagePoint(900, 300), screen), imagePoint(900, 300)).x).toBeLessThan(800);
  });

  it('chooses a level that is not coarser than the screen', () => {
    expect(levelFor(1, 4)).toBe(0);
    expect(levelFor(4, 4)).toBe(0);
    expect(levelFor(0.5, 4)).toBe(1);
    expect(levelFor(0.4, 4)).toBe(1);
    expect(levelFor(0.25, 4)).toBe(2);
    expect(levelFor(0.01, 4)).toBe(3);
  });
});
