import { describe, expect, it } from 'vitest';
import { type LossPoint, lossOf, withLoss } from './losses.ts';

describe('the curve of a training', () => {
  it('reads the loss out of what a job says', () => {
    expect(lossOf('all labels, loss 0.125')).toBe(0.125);
    expect(lossOf('fold 1 of 2, loss 3e-4')).toBe(3e-4);
    expect(lossOf('preparing pictures')).toBeNull();
    expect(lossOf(null)).toBeNull();
  });

  it('follows the losses smoothly, once a step, and keeps few points of a long training', () => {
    let points: readonly LossPoint[] = [];
    for (let done = 1; done <= 3000; done++) {
      const said = { detail: `all labels, loss ${done % 2 === 0 ? 0.2 : 0.4}`, done };
      points = withLoss(withLoss(points, said), said);
    }
    expect(points.length).toBeLessThanOrEqual(400);
    expect(points.at(-1)?.done).toBe(3000);
    expect(points.map(({ done }) => done)).toEqual([...new Set(points.map(({ done }) => done))].sort((a, b) => a - b));
    for (const { loss } of points.slice(100)) expect(Math.abs(loss - 0.3)).toBeLessThan(0.02);
  });
});
