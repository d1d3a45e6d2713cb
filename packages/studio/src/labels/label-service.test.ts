import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { decodeRle, encodeRle, type Rle, rleArea } from '@adclick/core/geometry';
import type { ErrorSpec } from '@adclick/ortgrad';
import fc from 'fast-check';
import { expect, onTestFinished, test, vi } from 'vitest';
import { instantPredictor, makeProject, openStudio, SIDE, squares } from '../../test/sample.ts';
import type { Action } from '../api.ts';
import { candidateParts } from '../engine/candidates.ts';
import { Engine } from '../engine/engine.ts';
import { preparedFolder } from '../engine/prepared.ts';
import { fail, STUDIO_ERRORS } from '../errors.ts';
import { type LabelState, REGION } from '../history/history.ts';
import type { Store } from '../store/store.ts';
import type { Studio } from '../studio.ts';
import { StaleWrite } from './label-service.ts';
import type { AskedMask, Predictor } from './masks.ts';

const { width, height } = SIDE;
const coordinates = { x: fc.nat(width - 1), y: fc.nat(height - 1) };
const type = fc.constantFrom(1, 2);
const bitmap = fc
  .array(fc.constantFrom(0, 1), { minLength: width * height, maxLength: width * height })
  .map((data) => encodeRle(data, width, height) as { width: number; height: number; counts: number[] });

const action: fc.Arbitrary<Action> = fc.oneof(
  fc.record({
    kind: fc.constant('click' as const),
    type,
    click: fc.record({ ...coordinates, positive: fc.boolean() }),
  }),
  fc.record({
    kind: fc.constant('click' as const),
    type,
    click: fc.record({ ...coordinates, positive: fc.boolean() }),
  }),
  fc.record({
    kind: fc.constant('clicks' as const),
    type,
    clicks: fc.array(fc.record({ ...coordinates, positive: fc.boolean() }), { minLength: 1, maxLength: 3 }),
  }),
  fc.record({ kind: fc.constant('moveClick' as const), index: fc.nat(2), ...coordinates }),
  fc.record({ kind: fc.constant('deleteClick' as const), index: fc.nat(1) }),
  fc.record({ kind: fc.constant('threshold' as const), value: fc.constantFrom(0.3, 0.7) }),
  fc.constant({ kind: 'finishRegion' as const }),
  fc.record({
    kind: fc.constant('paint' as const),
    tool: fc.constant('brush' as const),
    type,
    add: fc.option(bitmap),
    remove: fc.option(bitmap),
  }),
  fc.record({ kind: fc.constant('acceptProposal' as const), type }),
  fc.constant({ kind: 'clear' as const }),
  fc.record({ kind: fc.constant('changeType' as const), from: type, to: type }),
  fc.record({ kind: fc.constant('state' as const), state: fc.constantFrom('todo', 'defect', 'good') }),
  fc.record({ kind: fc.constant('review' as const), review: fc.constantFrom('none', 'approved', 'rejected') }),
  fc.constant({ kind: 'undo' as const }),
  fc.constant({ kind: 'undo' as const }),
  fc.constant({ kind: 'redo' as const }),
) as fc.Arbitrary<Action>;

/** A state without what differs from version to version. */
function essence({ face, layers }: LabelState) {
  return { face, layers: [...layers].sort(([a], [b]) => a - b).map(([type, rle]) => [type, [...decodeRle(rle)]]) };
}

/** Does an action; one that does not fit the state is skipped. */
async function tryAct(studio: Studio, id: number, action: Action): Promise<boolean> {
  const { version } = await studio.labels.peek(id);
  try {
    await studio.labels.act(id, { base: version, action }, 'tester');
    return true;
  } catch (error) {
    expect((error as { code?: string }).code).toBe('ADC_REQUEST');
    return false;
  }
}

const storeOf = (studio: Studio): Store => studio.store;

test('the state that grew step by step is the fold of the history, whatever was done', async () => {
  const studio = await openStudio(await makeProject(40));
  let id = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(action, { minLength: 1, maxLength: 16 }), async (actions) => {
      id++;
      for (const each of actions) await tryAct(studio, id, each);
      const grown = await studio.labels.state(id);
      expect(await storeOf(studio).labels.refold(id, 0.49)).toEqual(grown);
      // The settings of today say nothing about what was done.
      if (grown.version > 0) expect(await storeOf(studio).labels.refold(id, 0.8)).toEqual(grown);
      expect(await storeOf(studio).labels.load(id, 0.49)).toEqual(grown);
    }),
    { numRuns: 25, endOnFailure: true },
  );
});

test('undo goes back through every state to the beginning, redo forward again to the end', async () => {
  const studio = await openStudio(await makeProject(40));
  let id = 0;
  const change = action.filter(({ kind }) => kind !== 'undo' && kind !== 'redo');
  await fc.assert(
    fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 8 }), async (actions) => {
      id++;
      const states = [essence(await studio.labels.state(id))];
      for (const each of actions)
        if (await tryAct(studio, id, each)) states.push(essence(await studio.labels.state(id)));
      for (const before of states.slice(0, -1).reverse()) {
        expect(await tryAct(studio, id, { kind: 'undo' })).toBe(true);
        expect(essence(await studio.labels.state(id))).toEqual(before);
      }
      expect(await tryAct(studio, id, { kind: 'undo' })).toBe(false);
      for (const after of states.slice(1)) {
        expect(await tryAct(studio, id, { kind: 'redo' })).toBe(true);
        expect(essence(await studio.labels.state(id))).toEqual(after);
      }
      expect(await tryAct(studio, id, { kind: 'redo' })).toBe(false);
    }),
    { numRuns: 25, endOnFailure: true },
  );
});

const click = (x: number, y: number, positive = true, type = 1): Action => ({
  kind: 'click',
  type,
  click: { x, y, positive },
});

test('a prediction replaces what its region contributed before, and leaves alone what was there', async () => {
  const studio = await openStudio(await makeProject());
  const painted = squares([{ x: 20, y: 8, positive: true }], 0);
  const paint: Action = {
    kind: 'paint',
    tool: 'brush',
    type: 1,
    add: { ...painted, counts: [...painted.counts] },
    remove: null,
  };
  await studio.labels.act(1, { base: 0, action: paint }, 'a');
  await studio.labels.act(1, { base: 1, action: click(3, 3) }, 'a');
  const moved = await studio.labels.act(1, { base: 2, action: { kind: 'moveClick', index: 0, x: 18, y: 8 } }, 'a');
  // The square of the moved click overlaps the painted one; the one around 3,3 is gone.
  expect(rleArea(moved.layers[0].rle)).toBe(7 * 5);
  const deleted = await studio.labels.act(1, { base: 3, action: { kind: 'deleteClick', index: 0 } }, 'a');
  expect(decodeRle(deleted.layers[0].rle)).toEqual(decodeRle(painted));
  expect(deleted.clicks).toEqual([]);
});

test('a finished region stays when the next one begins', async () => {
  const studio = await openStudio(await makeProject());
  await studio.labels.act(1, { base: 0, action: click(3, 3) }, 'a');
  await studio.labels.act(1, { base: 1, action: { kind: 'finishRegion' } }, 'a');
  const answer = await studio.labels.act(1, { base: 2, action: click(15, 8) }, 'a');
  expect(answer.clicks).toHaveLength(1);
  expect(rleArea(answer.layers[0].rle)).toBe(50);
  const { layers } = await studio.labels.state(1);
  expect(rleArea(layers.get(REGION)!)).toBe(25);
});

test('"no defect" removes the mask, and a new click takes "no defect" back', async () => {
  const studio = await openStudio(await makeProject());
  await studio.labels.act(1, { base: 0, action: click(3, 3) }, 'a');
  const good = await studio.labels.act(1, { base: 1, action: { kind: 'state', state: 'good' } }, 'a');
  expect(good).toMatchObject({ state: 'good', clicks: [] });
  expect(good.layers.map(({ rle }) => rleArea(rle))).toEqual([0]);
  const again = await studio.labels.act(1, { base: 2, action: click(3, 3) }, 'a');
  expect(again.state).toBe('defect');
});

/** A predictor whose answers wait until they are let go. */
function heldPredictor() {
  const waiting: { clicks: number; go: () => void; fail: (error: unknown) => void }[] = [];
  const predictor: Predictor = {
    ...instantPredictor,
    predict: (image, { clicks, threshold }) =>
      new Promise<Rle>((resolve, reject) =>
        waiting.push({ clicks: clicks.length, go: () => resolve(squares(clicks, threshold, image)), fail: reject }),
      ),
  };
  const next = async () => {
    await vi.waitFor(() => expect(waiting.length).toBeGreaterThan(0));
    return waiting.shift()!;
  };
  return { predictor, waiting, next };
}

test('a click is in the database before its mask is known, and others see it at once', async () => {
  const { predictor, next } = heldPredictor();
  const studio = await openStudio(await makeProject(), { predictor });
  const seen: number[] = [];
  studio.bus.listen((event) => event.kind === 'image' && seen.push(event.version));
  const answer = studio.labels.act(1, { base: 0, action: click(3, 3) }, 'a');
  const held = await next();
  await vi.waitFor(() => expect(seen).toEqual([1]));
  expect(await storeOf(studio).labels.events(1)).toHaveLength(1);
  expect(await storeOf(studio).labels.results(1)).toEqual(new Map());
  held.go();
  expect((await answer).layers).toHaveLength(1);
  expect(seen).toEqual([1, 1]);
});

test('the model works while a click is written, and a click that could not be written gets no mask', async () => {
  const { predictor, next, waiting } = heldPredictor();
  const studio = await openStudio(await makeProject(), { predictor });
  const { labels } = storeOf(studio);
  const append = labels.append.bind(labels);
  let write = () => {};
  const spy = vi.spyOn(labels, 'append').mockImplementationOnce(async () => {
    await new Promise<void>((resolve) => {
      write = resolve;
    });
    throw fail('ADC_DATABASE_BUSY', { path: 'labels.db' });
  });
  const refused = studio.labels.act(1, { base: 0, action: click(3, 3) }, 'a');
  const early = await next();
  expect(await labels.events(1)).toEqual([]);
  early.go();
  write();
  await expect(refused).rejects.toMatchObject({ code: 'ADC_DATABASE_BUSY' });
  expect((await studio.labels.state(1)).layers).toEqual(new Map());
  // The next click is another one under the same number: nothing of the mask of the first is left for it.
  spy.mockImplementation(append);
  const answer = studio.labels.act(1, { base: 0, action: click(15, 3) }, 'a');
  const held = await next();
  expect(held.clicks).toBe(1);
  held.go();
  expect((await answer).layers[0].rle).toEqual(squares([{ x: 15, y: 3, positive: true }], 0.49, SIDE));
  expect(waiting).toEqual([]);
});

test('of clicks that wait only the newest is answered with a mask; undo still goes back one by one', async () => {
  const { predictor, next } = heldPredictor();
  const studio = await openStudio(await makeProject(), { predictor });
  const first = studio.labels.act(1, { base: 0, action: click(3, 3) }, 'a');
  const running = await next();
  const second = studio.labels.act(1, { base: 1, action: click(9, 3) }, 'a');
  await vi.waitFor(async () => expect((await studio.labels.peek(1)).version).toBe(2));
  const third = studio.labels.act(1, { base: 2, action: click(15, 3) }, 'a');
  // The second is answered while the first is still being computed.
  expect(await second).toMatchObject({ version: 2, superseded: true, layers: [] });
  running.go();
  await first;
  (await next()).go();
  (await next()).go();
  const answer = await third;
  expect(answer).toMatchObject({ version: 3, superseded: false });
  expect(rleArea(answer.layers[0].rle)).toBe(75);
  const undone = await studio.labels.act(1, { base: 3, action: { kind: 'undo' } }, 'a');
  expect(rleArea(undone.layers[0].rle)).toBe(50);
  expect(undone.clicks).toHaveLength(2);
});

test('adjustments that nobody saw cost no prediction and are one step of undo', async () => {
  const { predictor, next, waiting } = heldPredictor();
  const studio = await openStudio(await makeProject(), { predictor });
  const first = studio.labels.act(1, { base: 0, action: click(3, 3) }, 'a');
  const running = await next();
  const slide = (base: number, value: number) =>
    studio.labels.act(1, { base, action: { kind: 'threshold', value } }, 'a');
  const slides = [slide(1, 0.6)];
  for (const [base, value] of [
    [2, 0.7],
    [3, 0.8],
  ] as const) {
    await vi.waitFor(async () => expect((await studio.labels.peek(1)).version).toBe(base));
    slides.push(slide(base, value));
  }
  await vi.waitFor(async () => expect((await studio.labels.peek(1)).version).toBe(4));
  running.go();
  await first;
  (await next()).go();
  const answers = await Promise.all(slides);
  expect(answers.map(({ superseded }) => superseded)).toEqual([true, true, false]);
  expect(waiting).toHaveLength(0);
  expect(rleArea(answers[2].layers[0].rle)).toBe(9);
  const undone = await studio.labels.act(1, { base: 4, action: { kind: 'undo' } }, 'a');
  expect(undone.threshold).toBe(0.49);
  expect(rleArea(undone.layers[0].rle)).toBe(25);
});

/** A predictor that would have left out some squares after any click. */
function offeringPredictor(...places: readonly (readonly [x: number, y: number])[]) {
  const squaresThere = places.map(([x, y]) => ({ x, y, positive: true }));
  const data = Float32Array.from(decodeRle(squares(squaresThere, 0)), (set) => 0.7 * set);
  for (const { x, y } of squaresThere) data[y * width + x] = 0.9;
  const leftOut = { data, width, height, channels: 1 } as const;
  const asked: AskedMask[] = [];
  const predictor: Predictor = {
    ...instantPredictor,
    candidates: async (_, of, marked) => {
      asked.push(of);
      return candidateParts(leftOut, of.threshold, marked);
    },
  };
  return { predictor, asked };
}

test('what might belong to a region too is offered after a click, and taken as one step of undo', async () => {
  const { predictor, asked } = offeringPredictor([10, 8], [19, 8]);
  const studio = await openStudio(await makeProject(), { predictor });
  const { labels } = studio;
  expect(await labels.candidates(1)).toEqual({ version: 0, rle: null, points: [] });
  const one = await labels.act(1, { base: 0, action: click(3, 3) }, 'a');
  const { version, rle, points } = await labels.candidates(1);
  expect({ version, points }).toEqual({
    version: 1,
    points: [
      { x: 10, y: 8 },
      { x: 19, y: 8 },
    ],
  });
  expect(rleArea(rle!)).toBe(50);
  expect(asked).toMatchObject([{ clicks: one.clicks, threshold: 0.49, defect: 'dent' }]);
  const clicks = points.map((point) => ({ ...point, positive: true }));
  const taken = await labels.act(1, { base: 1, action: { kind: 'clicks', type: 1, clicks } }, 'a');
  expect(taken.clicks).toEqual([...one.clicks, ...clicks]);
  expect(rleArea(taken.layers[0].rle)).toBe(75);
  expect(await labels.candidates(1)).toEqual({ version: 2, rle: null, points: [] });
  const undone = await labels.act(1, { base: 2, action: { kind: 'undo' } }, 'a');
  expect(undone.clicks).toEqual(one.clicks);
  expect(undone.layers).toEqual(one.layers);
  const redone = await labels.act(1, { base: 3, action: { kind: 'redo' } }, 'a');
  expect(redone.layers).toEqual(taken.layers);
  await labels.act(1, { base: 4, action: { kind: 'finishRegion' } }, 'a');
  expect(await labels.candidates(1)).toEqual({ version: 5, rle: null, points: [] });
  expect(asked).toHaveLength(2);
});

test.each([1, 2])('nothing is offered that a region of type %i holds, nor while a mask is missing', async (type) => {
  const { predictor } = offeringPredictor([10, 8], [19, 8]);
  const held = heldPredictor();
  const studio = await openStudio(await makeProject(), {
    predictor: { ...predictor, predict: held.predictor.predict },
  });
  const { labels } = studio;
  const painted = squares([{ x: 10, y: 8, positive: true }], 0);
  const add = { ...painted, counts: [...painted.counts] };
  const paint: Action = { kind: 'paint', tool: 'brush', type, add, remove: null };
  await labels.act(1, { base: 0, action: paint }, 'a');
  const answer = labels.act(1, { base: 1, action: click(3, 3) }, 'a');
  const waiting = await held.next();
  expect(await labels.candidates(1)).toEqual({ version: 2, rle: null, points: [] });
  waiting.go();
  await answer;
  expect(await labels.candidates(1)).toMatchObject({ version: 2, points: [{ x: 19, y: 8 }] });
});

test('clicks at once are refused whole when one of them lies outside the image', async () => {
  const studio = await openStudio(await makeProject());
  const clicks = [
    { x: 3, y: 3, positive: true },
    { x: width, y: 3, positive: true },
  ];
  await expect(
    studio.labels.act(1, { base: 0, action: { kind: 'clicks', type: 1, clicks } }, 'a'),
  ).rejects.toMatchObject({ code: 'ADC_REQUEST', details: { field: 'action.clicks.1' } });
  expect((await studio.labels.peek(1)).version).toBe(0);
});

test('a stroke made while a mask is being computed waits for it and loses nothing', async () => {
  const { predictor, next } = heldPredictor();
  const studio = await openStudio(await makeProject(), { predictor });
  const first = studio.labels.act(1, { base: 0, action: click(3, 3) }, 'a');
  const running = await next();
  const dot = encodeRle(
    Uint8Array.from({ length: width * height }, (_, i) => (i === 10 ? 1 : 0)),
    width,
    height,
  );
  const paint: Action = {
    kind: 'paint',
    tool: 'brush',
    type: 1,
    add: { ...dot, counts: [...dot.counts] },
    remove: null,
  };
  const second = studio.labels.act(1, { base: 1, action: paint }, 'a');
  running.go();
  await first;
  expect(rleArea((await second).layers[0].rle)).toBe(26);
});

test('a mask that a crash has left out is computed when the image is opened again', async () => {
  const project = await makeProject();
  const { predictor, next } = heldPredictor();
  const studio = await openStudio(project, { predictor });
  const lost = studio.labels.act(1, { base: 0, action: click(3, 3) }, 'a').catch((error: unknown) => error);
  const held = await next();
  // What a process that is killed here leaves behind.
  const again = await openStudio(project);
  expect((await again.labels.peek(1)).completed).toBe(0);
  const detail = await again.queue.detail(1);
  expect(detail).toMatchObject({ version: 1, clicks: [{ x: 3, y: 3 }] });
  expect(rleArea(detail.layers[0].rle)).toBe(25);
  // The one that was late finds the work done.
  held.go();
  await lost;
  expect(await storeOf(again).labels.refold(1, 0.49)).toEqual(await again.labels.state(1));
});

test('a click whose picture cannot be read is kept, answered with the reason, and blocks nothing', async () => {
  const { predictor, next } = heldPredictor();
  const studio = await openStudio(await makeProject(), { predictor });
  const answer = studio.labels.act(1, { base: 0, action: click(3, 3) }, 'a');
  (await next()).fail(fail('ADC_IMAGE_TRUNCATED', { path: '0.png', what: 'half of it' }));
  await expect(answer).rejects.toMatchObject({ code: 'ADC_IMAGE_TRUNCATED' });
  const undone = await studio.labels.act(1, { base: 1, action: { kind: 'undo' } }, 'a');
  expect(undone).toMatchObject({ version: 2, clicks: [] });
});

const CODES = Object.entries(STUDIO_ERRORS as Record<string, ErrorSpec>);
const anything = { path: 'x', what: 'x' };

test('a fault that may pass leaves a click open until it has passed; any other one ends it without a mask', async () => {
  let fault: string | undefined;
  const predictor: Predictor = {
    ...instantPredictor,
    predict: async (...of) => {
      if (fault !== undefined) throw fail(fault as keyof typeof STUDIO_ERRORS, anything);
      return instantPredictor.predict(...of);
    },
  };
  const studio = await openStudio(await makeProject(CODES.length), { predictor });
  const { labels } = studio;
  const open: number[] = [];
  for (const [n, [code, { passing }]] of CODES.entries()) {
    fault = code;
    const id = n + 1;
    await expect(labels.act(id, { base: 0, action: click(3, 3) }, 'a')).rejects.toMatchObject({ code, passing });
    expect(await labels.peek(id)).toMatchObject({ version: 1, completed: passing ? 0 : 1 });
    if (passing) open.push(id);
  }
  expect(open.length).toBeGreaterThan(10);
  // While it lasts, what builds on the mask is told of it; what goes on with the clicks is kept.
  const [one, two, three, ...others] = open;
  fault = 'ADC_INDEX_MISSING';
  const finish = { base: 1, action: { kind: 'finishRegion' } } as const;
  await expect(labels.act(one, finish, 'a')).rejects.toMatchObject({ code: fault });
  await expect(labels.act(one, { base: 1, action: click(9, 3) }, 'a')).rejects.toMatchObject({ code: fault });
  expect(await labels.peek(one)).toMatchObject({ version: 2, completed: 0 });
  // Two clicks wait, of which an undo would keep one; both can be cleared.
  await expect(labels.act(one, { base: 2, action: { kind: 'undo' } }, 'a')).rejects.toMatchObject({ code: fault });
  expect(await labels.act(two, { base: 1, action: { kind: 'undo' } }, 'a')).toMatchObject({ version: 2, clicks: [] });
  expect(await labels.act(three, { base: 1, action: { kind: 'clear' } }, 'a')).toMatchObject({
    version: 2,
    layers: [],
  });
  // It fails once more, and then has passed.
  await labels.resume('part');
  expect((await labels.peek(one)).completed).toBe(0);
  fault = undefined;
  await labels.resume('part');
  for (const id of [one, ...others])
    expect(rleArea((await studio.store.labels.load(id, 0.49)).layers.get(1)!)).toBe(id === one ? 50 : 25);
  expect(await studio.store.labels.waiting('part')).toEqual([]);
});

test('a click that met a fault gets its mask when its image is looked at again, and after a restart', async () => {
  const project = await makeProject();
  const predictor: Predictor = {
    ...instantPredictor,
    predict: async () => {
      throw fail('ADC_RUNTIME', { provider: 'cpu', what: 'out of memory' });
    },
  };
  const studio = await openStudio(project, { predictor });
  for (const id of [1, 2])
    await expect(studio.labels.act(id, { base: 0, action: click(3, 3) }, 'a')).rejects.toMatchObject({
      code: 'ADC_RUNTIME',
    });
  await studio.close();
  const again = await openStudio(project);
  expect(rleArea((await again.queue.detail(1)).layers[0].rle)).toBe(25);
  await again.labels.resume('part');
  expect((await again.labels.peek(2)).completed).toBe(1);
});

/** A model whose index is damaged until it is mended. */
function damagedModel() {
  let fault = true;
  const predictor: Predictor = {
    ...instantPredictor,
    predict: async (...of) => {
      if (fault) throw fail('ADC_INDEX_DAMAGED', anything);
      return instantPredictor.predict(...of);
    },
  };
  const mend = () => {
    fault = false;
  };
  return { predictor, mend };
}

test('a click that met a fault gets its mask when its category opens again, and an import needs none', async () => {
  const model = damagedModel();
  const studio = await openStudio(await makeProject(), { predictor: model.predictor });
  const { labels } = studio;
  for (const id of [1, 2])
    await expect(labels.act(id, { base: 0, action: click(3, 3) }, 'a')).rejects.toMatchObject({
      passing: 'once mended',
    });
  const imported = new Map([[2, squares([{ x: 15, y: 8, positive: true }], 0)]]);
  await expect(labels.replaceLayers(1, imported, 'defect', 'coco', 'b', { only: true })).rejects.toMatchObject({
    passing: 'once mended',
  });
  expect(await labels.replaceLayers(1, imported, 'defect', 'coco', 'b')).toEqual({ version: 2, replaced: false });
  expect([...(await labels.state(1)).layers]).toEqual([...imported]);
  model.mend();
  const call = vi.spyOn(Engine.prototype, 'call').mockResolvedValue({ key: 'k', pictures: 2 });
  onTestFinished(() => call.mockRestore());
  await studio.categories.open('part');
  await vi.waitFor(async () => expect(await labels.peek(2)).toMatchObject({ version: 1, completed: 1 }));
});

test('of two writes on the same version one is refused, and nothing of it is stored', async () => {
  const studio = await openStudio(await makeProject());
  const outcomes = await Promise.allSettled([
    studio.labels.act(1, { base: 0, action: click(3, 3) }, 'a'),
    studio.labels.act(1, { base: 0, action: click(9, 9) }, 'b'),
  ]);
  const refused = outcomes.filter((outcome) => outcome.status === 'rejected');
  expect(refused).toHaveLength(1);
  expect(refused[0].reason).toBeInstanceOf(StaleWrite);
  expect(await storeOf(studio).labels.events(1)).toHaveLength(1);
});

test('what another process has written is seen, and its version guarded', async () => {
  const project = await makeProject();
  const [one, other] = [await openStudio(project), await openStudio(project)];
  await other.labels.peek(1);
  await one.labels.act(1, { base: 0, action: click(3, 3) }, 'a');
  await expect(other.labels.act(1, { base: 0, action: click(9, 9) }, 'b')).rejects.toBeInstanceOf(StaleWrite);
  const answer = await other.labels.act(1, { base: 1, action: click(9, 9) }, 'b');
  expect(answer.clicks).toHaveLength(2);
  expect(essence(await one.labels.state(1))).toEqual(essence(await other.labels.state(1)));
});

test('an archived type takes no new pixels', async () => {
  const studio = await openStudio(await makeProject());
  await studio.types.change(1, { archived: true });
  await expect(studio.labels.act(1, { base: 0, action: click(3, 3) }, 'a')).rejects.toMatchObject({
    code: 'ADC_REQUEST',
    details: { field: 'action.type' },
  });
});

test('an import replaces the mask as one event that can be undone', async () => {
  const studio = await openStudio(await makeProject());
  await studio.labels.act(1, { base: 0, action: click(3, 3) }, 'a');
  const mask = squares([{ x: 15, y: 8, positive: true }], 0);
  const { version } = await studio.labels.replaceLayers(1, new Map([[2, mask]]), 'defect', 'coco', 'a');
  expect(version).toBe(2);
  expect([...(await studio.labels.state(1)).layers.keys()]).toEqual([2]);
  const rows = [];
  for await (const row of storeOf(studio).labels.labelled(0.49)) rows.push(row);
  expect(rows[0]).toMatchObject({
    path: 'test/dent/0.png',
    ...SIDE,
    state: 'defect',
    layers: [{ type: 'scratch', rle: mask }],
  });
  const undone = await studio.labels.act(1, { base: 2, action: { kind: 'undo' } }, 'a');
  expect(undone.layers.map(({ type, rle }) => [type, rleArea(rle)])).toEqual([
    [1, 25],
    [2, 0],
  ]);
});

test('an import that replaces everything does not wait for the masks of clicks, and whoever made them is answered', async () => {
  const { predictor, next } = heldPredictor();
  const studio = await openStudio(await makeProject(), { predictor });
  const clicked = studio.labels.act(1, { base: 0, action: click(3, 3) }, 'a');
  const held = await next();
  const mask = squares([{ x: 15, y: 8, positive: true }], 0);
  const { version } = await studio.labels.replaceLayers(1, new Map([[2, mask]]), 'defect', 'coco', 'b');
  expect(version).toBe(2);
  expect(await clicked).toMatchObject({ version: 1, superseded: true });
  expect(await studio.labels.peek(1)).toMatchObject({ version: 2, completed: 2 });
  // The mask that comes after all changes nothing.
  held.go();
  expect([...(await studio.labels.state(1)).layers]).toEqual([[2, mask]]);
  expect(await storeOf(studio).labels.refold(1, 0.49)).toEqual(await studio.labels.state(1));
});

test('a click keeps waiting for its mask where what was to end it could not be stored', async () => {
  const model = damagedModel();
  const studio = await openStudio(await makeProject(), { predictor: model.predictor });
  const { labels } = studio;
  await expect(labels.act(1, { base: 0, action: click(3, 3) }, 'a')).rejects.toMatchObject({ details: { stored: 1 } });
  const full = fail('ADC_DATABASE_BUSY', anything);
  const append = vi.spyOn(studio.store.labels, 'append').mockRejectedValue(full);
  await expect(labels.replaceLayers(1, new Map(), 'good', 'coco', 'b')).rejects.toBe(full);
  for (const kind of ['clear', 'undo'] as const)
    await expect(labels.act(1, { base: 1, action: { kind } }, 'a')).rejects.toBe(full);
  append.mockRestore();
  expect(await labels.peek(1)).toMatchObject({ version: 1, completed: 0 });
  model.mend();
  expect(rleArea((await labels.state(1)).layers.get(1)!)).toBe(25);
});

test('an import that another process comes before ends no click', async () => {
  const project = await makeProject();
  const { predictor, next } = heldPredictor();
  const [studio, other] = [await openStudio(project, { predictor }), await openStudio(project)];
  const clicked = studio.labels.act(1, { base: 0, action: click(3, 3) }, 'a');
  const held = await next();
  const { append } = studio.store.labels;
  studio.store.labels.append = async (...of) => {
    await other.labels.act(1, { base: 1, action: click(9, 3) }, 'c');
    return append.apply(studio.store.labels, of);
  };
  await expect(studio.labels.replaceLayers(1, new Map(), 'good', 'coco', 'b')).rejects.toBeInstanceOf(StaleWrite);
  held.go();
  expect((await studio.store.labels.results(1)).get(1)?.flips.map(({ rle }) => rleArea(rle))).toEqual([25, 25]);
  expect(await clicked).toMatchObject({ version: 1 });
});

test('an import of some types waits for the masks of clicks, until it is stopped', async () => {
  const { predictor, next } = heldPredictor();
  const studio = await openStudio(await makeProject(), { predictor });
  const clicked = studio.labels.act(1, { base: 0, action: click(3, 3) }, 'a');
  const held = await next();
  const stop = new AbortController();
  const mask = squares([{ x: 15, y: 8, positive: true }], 0);
  const layers = [{ type: 'scratch', rle: mask }];
  const put = studio.archive.replace('test/dent/0.png', layers, 'defect', 'coco', 'b', {
    only: true,
    signal: stop.signal,
  });
  setTimeout(() => stop.abort(new Error('not wanted any more')), 20);
  await expect(put).rejects.toThrow('not wanted any more');
  held.go();
  expect(await clicked).toMatchObject({ version: 1, superseded: false });
  await studio.archive.replace('test/dent/0.png', layers, 'defect', 'coco', 'b', { only: true });
  expect([...(await studio.labels.state(1)).layers.keys()]).toEqual([1, 2]);
});

test('a model that sees nothing proposes nothing', async () => {
  const studio = await openStudio(await makeProject());
  const folder = preparedFolder(studio.project.root);
  await mkdir(join(folder, 'seen'), { recursive: true });
  const prepared = { score: 1, scale: 'residual' as const, uncertainty: 0, embedding: [1] };
  for (const [id, data] of [new Uint8Array(width * height), new Uint8Array(width * height).fill(1)].entries()) {
    const key = `seen/${id}`;
    const rle = encodeRle(data, width, height);
    await writeFile(join(folder, `${key}.json`), JSON.stringify({ ...prepared, key, rle, neighbours: [] }));
    await studio.store.images.setPreparation(id + 1, { ...prepared, prepared: key });
  }
  expect(await studio.queue.proposal(1)).toEqual({ ready: true, rle: null, score: 1 });
  expect((await studio.queue.proposal(2)).rle?.counts).toEqual([0, width * height]);
});
