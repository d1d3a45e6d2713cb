/**
 * Makes the pictures that measurements work on: `pictures.ts DIR --good N --bad N [--side PX] [--camera PX]` writes good/NNN.png, bad/NNN.png
 * and bad/NNN_mask.png; with a camera's side they are enlarged to it and JPEGs, as cameras give them.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { encodeJpeg, writeMask, writePng } from '../../packages/core/src/image/codec.ts';
import { resizeMask, resizeRgb } from '../../packages/core/src/image/resize.ts';
import type { Mask, RgbImage } from '../../packages/core/src/image/types.ts';
import { Random } from '../../packages/core/src/random.ts';
import { simulateAnomaly } from '../../packages/core/src/synthesis/anomalies/index.ts';
import { makeProduct } from '../../packages/core/src/synthesis/products/index.ts';
import { answer } from '../child.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    good: { type: 'string', default: '30' },
    bad: { type: 'string', default: '20' },
    side: { type: 'string', default: '512' },
    camera: { type: 'string' },
  },
});
const [folder] = positionals as [string];
const product = makeProduct('machinedRing', 1, { width: Number(values.side) });
const random = new Random('bench/pictures');
const name = (n: number) => String(n).padStart(4, '0');

const camera = values.camera === undefined ? undefined : Number(values.camera);

async function write(path: string, image: RgbImage): Promise<void> {
  if (camera === undefined) await writePng(`${path}.png`, image);
  else await writeFile(`${path}.jpg`, await encodeJpeg(resizeRgb(image, camera, camera)));
}
const seen = (mask: Mask) => (camera === undefined ? mask : resizeMask(mask, camera, camera));

await mkdir(join(folder, 'good'), { recursive: true });
await mkdir(join(folder, 'bad'), { recursive: true });
for (let n = 0; n < Number(values.good); n++) await write(join(folder, 'good', name(n)), product.good(random));
for (let n = 0; n < Number(values.bad); n++) {
  const { image, mask } = simulateAnomaly(product.good(random), random, { donor: product.good(random) });
  await write(join(folder, 'bad', name(n)), image);
  await writeMask(join(folder, 'bad', `${name(n)}_mask.png`), seen(mask));
}
answer({ product: product.name });
