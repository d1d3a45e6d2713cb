/** Training runs whose first blocks are there already: items of noise with a defect that can be learnt. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { TOKENS } from '../src/language/tokenizer.ts';
import { Random } from '../src/random.ts';
import { type TrainingItem, writeItem } from '../src/training/item.ts';

/** Channels of their residuals. */
export const NOISE_DIMS = 272;
const BLOCKS = 9;

/** Noise with a square defect whose residual is three times as long. */
export function noiseItem(side: number, seed: number, dims = NOISE_DIMS): TrainingItem {
  const random = new Random(seed);
  const noise = () => Float32Array.from({ length: side * side * dims }, () => random.normal());
  const text = () => ({
    features: Float32Array.from({ length: TOKENS * 384 }, () => random.normal()),
    mask: new Uint8Array(TOKENS).fill(1, 0, 6),
    tokens: TOKENS,
    dims: 384,
  });
  const delta = noise();
  const pixels = 8 * side;
  const mask = new Uint8Array(pixels * pixels);
  const [left, top] = [random.int(2, side - 8), random.int(2, side - 8)];
  for (let y = 8 * top; y < 8 * top + 40; y++) mask.fill(1, y * pixels + 8 * left, y * pixels + 8 * left + 40);
  for (let y = top; y < top + 5; y++)
    for (let at = (y * side + left) * dims; at < (y * side + left + 5) * dims; at++) delta[at] = 3 * delta[at];
  return {
    residual: {
      height: side,
      width: side,
      dims,
      delta,
      tokens: noise(),
      calibration: new Float32Array(dims).fill(1),
    },
    image: {
      data: Uint8Array.from({ length: 3 * pixels * pixels }, () => random.int(0, 256)),
      width: pixels,
      height: pixels,
      channels: 3,
    },
    mask: { data: mask, width: pixels, height: pixels, channels: 1 },
    text: { one: text(), mean: text() },
  };
}

/** A run whose first blocks are there already, so that nothing is drawn. @param sides tokens a side of the items, in turn. */
export async function prepareRun(
  directory: string,
  sides: readonly number[] = [64, 32, 32],
  dims = NOISE_DIMS,
): Promise<string> {
  const items = join(directory, 'items');
  await mkdir(items, { recursive: true });
  for (let block = 0; block < BLOCKS; block++) {
    const stem = join(items, String(block).padStart(5, '0'));
    await writeItem(`${stem}-00.safetensors`, noiseItem(sides[block % sides.length], block, dims));
    await writeFile(`${stem}.json`, JSON.stringify({ items: 1 }));
  }
  return directory;
}
