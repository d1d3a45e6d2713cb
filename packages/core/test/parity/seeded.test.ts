import { describe, expect, it } from 'vitest';
import { seeded } from './seeded.ts';

/** What the Python prints for the same call. */
const PYTHON = [
  0.9037039279937744, 1.0084619522094727, 1.1784043312072754, 0.702567994594574, 0.8010988235473633, 1.0394442081451416,
];

describe('seeded numbers', () => {
  it('are those of bench/reference/seeded.py', () => {
    const { data } = seeded('layer1.0.conv1.weight', [2, 3], 0.5, 1);
    expect(data).toEqual(Float32Array.from(PYTHON));
  });
});
