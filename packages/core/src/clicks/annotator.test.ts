import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { IGNORE, type Mask } from '../image/types.ts';
import { Random } from '../random.ts';
import { CLICK_THRESHOLD, nextClick, offCentre, randomStartClicks, simulateNextClick } from './annotator.ts';
import { type Click, modelClick } from './types.ts';

const maskOf = (rows: readonly string[]): Mask => ({
  data: Uint8Array.from(rows.join(''), (c) => (c === '#' ? 1 : c === '?' ? IGNORE : 0)),
  width: rows[0].length,
  height: rows.length,
  channels: 1,
});

/** SimpleClick's rule written the slow way: distances by exhaustive search, outside the raster counting as right. */
function slowNextClick(probability: Float32Array, mask: Mask, clicked: readonly Click[]): Click | undefined {
  const { data, width, height } = mask;
  const wrong = (i: number, positive: boolean) =>
    data[i] !== IGNORE && (data[i] === 1) === positive && probability[i] > CLICK_THRESHOLD !== positive;
  const deepest = (positive: boolean) => {
    let best = { at: 0, depth: 0 };
    for (let i = 0; i < data.length; i++) {
      const [x, y] = [i % width, Math.floor(i / width)];
      if (!wrong(i, positive) || clicked.some((c) => c.x === x && c.y === y)) continue;
      let depth = Number.POSITIVE_INFINITY;
      for (let v = -1; v <= height; v++)
        for (let u = -1; u <= width; u++) {
          const inside = u >= 0 && v >= 0 && u < width && v < height;
          if (!inside || !wrong(v * width + u, positive)) depth = Math.min(depth, (u - x) ** 2 + (v - y) ** 2);
        }
      if (depth > best.depth) best = { at: i, depth };
    }
    return best;
  };
  const [missed, spurious] = [deepest(true), deepest(false)];
  const positive = missed.depth > spurious.depth;
  const { at, depth } = positive ? missed : spurious;
  return depth === 0 ? undefined : { x: at % width, y: Math.floor(at / width), positive };
}

const picture = fc
  .record({ width: fc.integer({ min: 1, max: 9 }), height: fc.integer({ min: 1, max: 9 }), seed: fc.integer() })
  .map(({ width, height, seed }) => {
    const random = new Random(seed);
    const mask: Mask = {
      data: Uint8Array.from({ length: width * height }, () => random.pick([0, 0, 1, 1, IGNORE])),
      width,
      height,
      channels: 1,
    };
    const probability = Float32Array.from(mask.data, () => random.next());
    const clicked: Click[] = [{ x: random.int(0, width), y: random.int(0, height), positive: true }];
    return { mask, probability, clicked };
  });

describe('the annotator of evaluation', () => {
  test('starts at the deepest pixel of the mask', () => {
    const mask = maskOf(['.......', '.#####.', '.#####.', '.#####.', '.......']);
    expect(nextClick(new Float32Array(35), mask, [])).toEqual({ x: 2, y: 2, positive: true });
  });

  test('equals the rule written out by exhaustive search', () => {
    fc.assert(
      fc.property(picture, ({ mask, probability, clicked }) => {
        expect(nextClick(probability, mask, clicked)).toEqual(slowNextClick(probability, mask, clicked));
      }),
      { numRuns: 150 },
    );
  });

  test('an equally deep spurious pixel wins, and a right prediction ends the session', () => {
    const mask = maskOf(['#...', '....']);
    expect(nextClick(Float32Array.of(0, 0, 0, 1, 0, 0, 0, 0), mask, [])).toEqual({ x: 3, y: 0, positive: false });
    expect(nextClick(Float32Array.of(1, 0, 0, 0, 0, 0, 0, 0), mask, [])).toBeUndefined();
  });
});

describe('the annotator who does not aim', () => {
  test('clicks every pixel of the connected error that the other one clicks in, and no other', () => {
    const mask = maskOf(['.###....', '.###..##', '.###..##', '........']);
    const seen = new Set<string>();
    for (let seed = 0; seed < 200; seed++) {
      const click = offCentre(new Random(seed))(new Float32Array(32), mask, []);
      expect(click?.positive).toBe(true);
      seen.add(`${click?.x},${click?.y}`);
    }
    expect([...seen].sort()).toEqual(['1,0', '1,1', '1,2', '2,0', '2,1', '2,2', '3,0', '3,1', '3,2']);
  });

  test('clicks where something is wrong, in the way that is deeper, and ends when nothing is', () => {
    fc.assert(
      fc.property(picture, fc.integer(), ({ mask, probability, clicked }, seed) => {
        const click = offCentre(new Random(seed))(probability, mask, clicked);
        expect(click?.positive).toBe(nextClick(probability, mask, clicked)?.positive);
        if (!click) return;
        const at = click.y * mask.width + click.x;
        expect(mask.data[at]).toBe(click.positive ? 1 : 0);
        expect(probability[at] > CLICK_THRESHOLD).toBe(!click.positive);
      }),
    );
  });
});

describe('the annotator of training', () => {
  test('clicks a wrong pixel deeper than half of the deepest, of the same sign as the evaluator', () => {
    fc.assert(
      fc.property(picture, fc.integer(), ({ mask, probability, clicked }, seed) => {
        const onGrid = clicked.map(({ x, y, positive }) => modelClick(x, y, positive));
        const simulated = simulateNextClick(probability, mask, onGrid, new Random(seed));
        const exact = nextClick(probability, mask, clicked);
        expect(simulated?.positive).toBe(exact?.positive);
        if (!simulated) return;
        const at = simulated.y * mask.width + simulated.x;
        expect(mask.data[at]).toBe(simulated.positive ? 1 : 0);
        expect(probability[at] > CLICK_THRESHOLD).toBe(!simulated.positive);
      }),
    );
  });

  test('reaches every deep pixel and repeats itself for a seed', () => {
    const mask = maskOf(['......', '.####.', '.####.', '.####.', '......']);
    const draw = (seed: number) => simulateNextClick(new Float32Array(30), mask, [], new Random(seed));
    const seen = new Set(Array.from({ length: 60 }, (_, seed) => `${draw(seed)!.x},${draw(seed)!.y}`));
    expect([...seen].sort()).toEqual(['2,2', '3,2']);
  });

  test('random starts keep positives inside and negatives outside', () => {
    const mask = maskOf(['........', '..###...', '..###...', '......??', '........']);
    for (let seed = 0; seed < 200; seed++)
      for (const { x, y, positive } of randomStartClicks(mask, new Random(seed)))
        expect(mask.data[y * mask.width + x]).toBe(positive ? 1 : 0);
    expect(randomStartClicks(maskOf(['...']), new Random(1))).toEqual([]);
  });
});
