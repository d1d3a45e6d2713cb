/** Our half of the metrics measurement: `metrics.ts FILE` times it, `metrics.ts FILE --write` makes the maps that both halves read. */
import { createWriteStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { finished } from 'node:stream/promises';
import { parseArgs } from 'node:util';
import { pixelMetrics } from '../../packages/core/src/evaluation/metrics.ts';
import type { Mask, Plane } from '../../packages/core/src/image/types.ts';
import { Random } from '../../packages/core/src/random.ts';
import { answer } from '../child.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    write: { type: 'boolean', default: false },
    count: { type: 'string', default: '100' },
    side: { type: 'string', default: '512' },
  },
});
const [file] = positionals as [string];
const [count, side] = [Number(values.count), Number(values.side)];
const pixels = side * side;

/** A map as a fair detector draws it: noise, and one to four blobs that stand out more at their centres; the last is a false alarm half the time. */
function drawMap(random: Random): { map: Float32Array; mask: Uint8Array } {
  const map = new Float32Array(pixels);
  const mask = new Uint8Array(pixels);
  for (let i = 0; i < pixels; i++) map[i] = 0.15 + 0.05 * random.normal();
  const blobs = random.int(1, 5);
  for (let blob = 0; blob < blobs; blob++) {
    const [centreX, centreY] = [random.uniform(0, side), random.uniform(0, side)];
    const [radiusX, radiusY] = [random.uniform(3, side / 10), random.uniform(3, side / 10)];
    const isDefect = blob === 0 || blob < blobs - 1 || random.chance(0.5);
    const height = random.uniform(0.1, 0.8);
    for (let y = 0; y < side; y++)
      for (let x = 0; x < side; x++) {
        const distance = ((x - centreX) / radiusX) ** 2 + ((y - centreY) / radiusY) ** 2;
        if (distance > 4) continue;
        map[y * side + x] += height * Math.exp(-distance);
        if (isDefect && distance <= 1) mask[y * side + x] = 1;
      }
  }
  for (let i = 0; i < pixels; i++) map[i] = 1 / (1 + Math.exp(-6 * (map[i] - 0.5)));
  return { map, mask };
}

async function write(): Promise<void> {
  const random = new Random(0);
  const drawn = Array.from({ length: count }, () => drawMap(random));
  const out = createWriteStream(file);
  for (const { map } of drawn) out.write(new Uint8Array(map.buffer));
  for (const { mask } of drawn) out.write(mask);
  out.end();
  await finished(out);
  answer({ count, side });
}

async function measure(): Promise<void> {
  const { buffer } = await readFile(file);
  const planes: Plane[] = [];
  const masks: Mask[] = [];
  const grid = { width: side, height: side, channels: 1 } as const;
  for (let n = 0; n < count; n++) {
    planes.push({ data: new Float32Array(buffer, 4 * n * pixels, pixels), ...grid });
    masks.push({ data: new Uint8Array(buffer, 4 * count * pixels + n * pixels, pixels), ...grid });
  }
  const start = performance.now();
  const metrics = pixelMetrics(planes, masks);
  answer({ ms: performance.now() - start, ...metrics });
}

await (values.write ? write() : measure());
