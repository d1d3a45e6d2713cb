import { describe, expect, test } from 'vitest';
import { learnWindows, type Span } from '../image/samples.ts';
import { notesOf } from './build-index.ts';

const notes = (spans: readonly Span[]) =>
  notesOf(
    spans.map((span, i) => ({ name: `g${i}.tif`, span })),
    learnWindows(spans),
  );

describe('a good picture whose samples are unlike the others', () => {
  const twelve: Span = { type: 'uint16', low: 700, high: 2000 };
  const float: Span = { type: 'float', low: 40, high: 130 };

  test.each<[string, Span, Span, string]>([
    ['16 bits among 12', twelve, { type: 'uint16', low: 9000, high: 65_000 }, '9000 to 65000'],
    ['floats of another scale', float, { type: 'float', low: 0, high: 1e6 }, '0 to 1000000'],
    ['floats far below the others', float, { type: 'float', low: -9999, high: 130 }, '-9999 to 130'],
  ])('%s: is named', (_name, usual, odd, span) => {
    const said = notes([usual, usual, odd, usual]);
    expect(said).toEqual([expect.stringContaining('3 of the 4 good pictures')]);
    expect(said[0]).toContain(`g2.tif holds samples from ${span}`);
  });

  test('pictures that are merely darker, of one colour, or of few values all, are not', () => {
    expect(notes([twelve, { ...twelve, high: 800 }, { ...twelve, high: 4000 }])).toEqual([]);
    expect(notes([twelve, { type: 'uint16', low: 0, high: 0 }, { type: 'uint16', low: 9, high: 9 }])).toEqual([]);
    expect(notes([1000, 1000.2].map((low) => ({ type: 'float', low, high: low + 1 })))).toEqual([]);
  });
});
