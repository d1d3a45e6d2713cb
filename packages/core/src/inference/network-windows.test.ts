import { add, Graph, Runtime, reshape, resizeBilinear, slice, tensor, type Value } from '@adclick/ortgrad';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { normalisedColoursOn } from '../features/normalised-colours.ts';
import { Random } from '../random.ts';
import { drawnOn, fadedOn, type SegInputs, startsOf } from './network-windows.ts';

let runtime: Runtime;
beforeAll(async () => {
  runtime = await Runtime.start();
});
afterAll(() => runtime.close());

test('windows cover a side, share at least 16 tokens, and begin where the network looks at it whole', () => {
  expect(startsOf(40, 64)).toEqual([0]);
  expect(startsOf(64, 64)).toEqual([0]);
  for (const side of [72, 112, 128, 200, 384, 512]) {
    const starts = startsOf(side, 64);
    expect(starts[0]).toBe(0);
    expect(starts.at(-1)).toBe(side - 64);
    for (const [i, start] of starts.entries()) {
      expect(start % 8).toBe(0);
      if (i > 0) expect(starts[i - 1] + 64 - start).toBeGreaterThanOrEqual(16);
    }
  }
});

/** What is drawn of a noisy picture by a network that sees each place by itself, and its windows' sizes. */
async function drawn(width: number, height: number, rows: readonly number[]) {
  const random = new Random(`${width}/${height}`);
  const [h, w] = [height / 8, width / 8];
  const graph = new Graph('windows');
  const image = graph.input('image', [1, height, width, 3], 'uint8');
  const norm = graph.input('norm', [1, h, w]);
  const residual = graph.input('residual', [1, h, w, 2]);
  let from = 0;
  const bands = rows.map((count) => {
    const cut = (x: Value) => slice(x, 1, from, from + count);
    const band = { residual: cut(residual), tokens: cut(residual), norm: cut(norm) };
    from += count;
    return band;
  });
  const sizes: string[] = [];
  const draw = ({ residual: seen, norm: level, colours }: SegInputs) => {
    const [, high, wide] = level.shape;
    sizes.push(`${wide}x${high}`);
    expect([seen.shape[1], seen.shape[2], colours.shape[2], colours.shape[3]]).toEqual([
      high,
      wide,
      8 * high,
      8 * wide,
    ]);
    const first = reshape(slice(colours, 1, 0, 1), [1, 8 * high, 8 * wide]);
    const large = resizeBilinear(reshape(level, [1, 1, high, wide]), [8 * high, 8 * wide]);
    return add(first, reshape(large, [1, 8 * high, 8 * wide]));
  };
  graph.output('drawn', drawnOn(image, bands, draw));
  graph.output('whole', draw({ residual, tokens: residual, norm, colours: normalisedColoursOn(image) }));
  const session = await runtime.load(graph.toModel());
  const out = await session.run({
    image: tensor(
      Uint8Array.from({ length: 3 * height * width }, () => random.int(0, 256)),
      [1, height, width, 3],
    ),
    norm: tensor(
      Float32Array.from({ length: h * w }, () => random.normal()),
      [1, h, w],
    ),
    residual: tensor(new Float32Array(2 * h * w), [1, h, w, 2]),
  });
  await session.release();
  return { sizes: sizes.slice(0, -1), drawn: out.drawn.data as Float32Array, whole: out.whole.data as Float32Array };
}

describe('what a network says of a place does not depend on the window', () => {
  test.each<[number, number, number[], string[]]>([
    // Where the whole is no larger than what it was trained on it is looked at once.
    [512, 512, [64], ['64x64']],
    [448, 576, [40, 32], ['56x72']],
    [1024, 576, [24, 48], ['64x64']],
    // A strip: windows of another shape, as many tokens each.
    [4096, 128, [8, 8], ['256x16']],
  ])('%i x %i pixels', async (width, height, rows, size) => {
    const { sizes, drawn: got, whole } = await drawn(width, height, rows);
    expect(new Set(sizes)).toEqual(new Set(size));
    expect(sizes.length > 1).toBe(width * height > 1.15 * 512 * 512);
    let most = 0;
    for (const [i, value] of whole.entries()) most = Math.max(most, Math.abs(got[i] - value));
    expect(got.length).toBe(whole.length);
    expect(most).toBeLessThan(1e-4);
  });
});

test('one window gives way to the next without a step', async () => {
  const graph = new Graph('fade');
  const flat = (value: number) => graph.filled(value, [1, 8, 512]);
  graph.output('joined', fadedOn([flat(0), flat(1), flat(0)], [0, 48, 96], 2));
  const session = await runtime.load(graph.toModel());
  const { joined } = await session.run({});
  await session.release();
  const line = (joined.data as Float32Array).subarray(0, joined.shape[2]);
  expect(line).toHaveLength(8 * 160);
  expect([line[0], line[600], line.at(-1)]).toEqual([0, 1, 0]);
  for (let x = 1; x < line.length; x++) expect(Math.abs(line[x] - line[x - 1])).toBeLessThan(0.02);
});
