/** Merging, foreseeing and latest-wins. */
import { decodeRle, encodeRle } from '@adclick/core/geometry';
import type { Action, ImageDetail } from 'adclick/api';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LatestWins } from './latest-wins.ts';
import { agrees, compare, layersOf, type MergeChoice, mergeActions, paintWaiting } from './merge.ts';
import { type Facts, foreseeAll } from './optimism.ts';

const SIZE = { width: 6, height: 4 };
const wire = (data: Uint8Array) => ({ ...SIZE, counts: [...encodeRle(data, SIZE.width, SIZE.height).counts] });
const detail = (layers: Record<number, Uint8Array>): ImageDetail =>
  ({
    id: 1,
    ...SIZE,
    version: 4,
    state: 'todo',
    clicks: [],
    layers: Object.entries(layers).map(([type, data]) => ({ type: Number(type), rle: wire(data) })),
  }) as unknown as ImageDetail;

const bits = fc.uint8Array({ minLength: 24, maxLength: 24, max: 1 });

describe('merge', () => {
  const outcome = (theirs: ImageDetail, mine: Map<number, Uint8Array>, choice: MergeChoice) => {
    const layers = layersOf(theirs);
    paintWaiting(layers, mergeActions(compare(theirs, mine, []), choice), SIZE);
    return layers;
  };

  it('keeps exactly theirs, mine, or the pixels of both', () => {
    fc.assert(
      fc.property(bits, bits, bits, (a, b, c) => {
        const theirs = detail({ 1: a, 2: b });
        const mine = new Map([
          [1, b],
          [3, c],
        ]);
        expect(outcome(theirs, mine, 'theirs').get(1)).toEqual(a);
        const own = outcome(theirs, mine, 'mine');
        expect(own.get(1)).toEqual(b);
        expect(own.get(2)?.some(Boolean) ?? false).toBe(false);
        expect(own.get(3) ?? new Uint8Array(24)).toEqual(c);
        const both = outcome(theirs, mine, 'union');
        expect(both.get(1)).toEqual(a.map((value, i) => value | b[i]));
        expect(both.get(2)).toEqual(b);
      }),
    );
  });

  it('counts pixels', () => {
    const [a, b] = [new Uint8Array(24).fill(1, 0, 5), new Uint8Array(24).fill(1, 3, 9)];
    expect(compare(detail({ 1: a }), new Map([[1, b]]), []).rows).toEqual([{ type: 1, theirs: 5, mine: 6, union: 9 }]);
  });

  it('says waiting clicks and states again, but no strokes that are in the pixels', () => {
    const waiting: Action[] = [
      { kind: 'paint', tool: 'brush', type: 1, add: wire(new Uint8Array(24).fill(1)), remove: null },
      { kind: 'click', type: 1, click: { x: 1, y: 1, positive: true } },
      { kind: 'state', state: 'defect' },
    ];
    const merge = compare(detail({}), new Map([[1, new Uint8Array(24).fill(1)]]), waiting);
    expect(mergeActions(merge, 'union').map(({ kind }) => kind)).toEqual(['paint', 'click', 'state']);
    expect(mergeActions(merge, 'theirs')).toEqual([]);
  });

  it('asks nobody when only a review or the order of layers changed', () => {
    const [a, b] = [new Uint8Array(24).fill(1, 0, 5), new Uint8Array(24).fill(1, 3, 9)];
    const before = detail({ 1: a, 2: b });
    const after = {
      ...detail({ 1: a, 2: b }),
      review: 'approved',
      layers: [...before.layers].reverse(),
    } as ImageDetail;
    expect(agrees(before, after)).toBe(true);
    expect(agrees(before, detail({ 1: a }))).toBe(false);
    expect(agrees(before, { ...after, state: 'good' })).toBe(false);
  });

  it('paints waiting strokes in their order', () => {
    const layers = new Map<number, Uint8Array>();
    const all = wire(new Uint8Array(24).fill(1));
    const some = wire(new Uint8Array(24).fill(1, 0, 4));
    const paint = (add: typeof all | null, remove: typeof all | null): Action => ({
      ...{ kind: 'paint', tool: 'brush', type: 1 },
      ...{ add, remove },
    });
    paintWaiting(layers, [paint(all, null), paint(null, some)], SIZE);
    expect(layers.get(1)).toEqual(decodeRle(all).map((_, i) => (i < 4 ? 0 : 1)));
    paintWaiting(layers, [{ kind: 'clear' }], SIZE);
    expect(layers.get(1)?.some(Boolean)).toBe(false);
  });
});

describe('foreseeing', () => {
  const none: Facts = { clicks: [], activeType: null, threshold: 0.5, state: 'todo', review: 'none' };
  const click = (x: number, type = 1): Action => ({ kind: 'click', type, click: { x, y: 0, positive: true } });

  it('adds, moves and deletes clicks', () => {
    const facts = foreseeAll(none, [
      click(1),
      click(2),
      { kind: 'moveClick', index: 0, x: 9, y: 9 },
      { kind: 'deleteClick', index: 1 },
    ]);
    expect(facts.clicks).toEqual([{ x: 9, y: 9, positive: true }]);
    expect(facts.activeType).toBe(1);
  });

  it('begins another region with another type and after a stroke', () => {
    expect(foreseeAll(none, [click(1), click(2, 5)]).clicks.length).toBe(1);
    const stroke: Action = { kind: 'paint', tool: 'brush', type: 1, add: null, remove: null };
    expect(foreseeAll(none, [click(1), stroke])).toMatchObject({ clicks: [], activeType: null });
  });
});

describe('LatestWins', () => {
  it('keeps the running call and of those that wait the newest', async () => {
    const gates = new Map<number, () => void>();
    const called: number[] = [];
    const done: [number, boolean][] = [];
    const runner = new LatestWins<number, number>(
      (input) => {
        called.push(input);
        return new Promise((resolve) => gates.set(input, () => resolve(input)));
      },
      (input, _, isLatest) => done.push([input, isLatest]),
      () => undefined,
    );
    for (const input of [1, 2, 3, 4]) runner.run(input);
    gates.get(1)?.();
    await new Promise((resolve) => setTimeout(resolve, 1));
    gates.get(4)?.();
    await new Promise((resolve) => setTimeout(resolve, 1));
    expect(called).toEqual([1, 4]);
    expect(done).toEqual([
      [1, false],
      [4, true],
    ]);
  });
});
