/** Makes the pictures that measurements work on: `pictures.ts DIR --good N --bad N [--side PX]` writes good/NNN.png, bad/NNN.png and bad/NNN_mask.png. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { writeMask, writePng } from '../../packages/core/src/image/codec.ts';
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
  },
});
const [folder] = positionals as [string];
const product = makeProduct('machinedRing', 1, { width: Number(values.side) });
const random = new Random('bench/pictures');
const name = (n: number) => String(n).padStart(4, '0');

await mkdir(join(folder, 'good'), { recursive: true });
await mkdir(join(folder, 'bad'), { recursive: true });
for (let n = 0; n < Number(values.good); n++)
  await writePng(join(folder, 'good', `${name(n)}.png`), product.good(random));
for (let n = 0; n < Number(values.bad); n++) {
  const { image, mask } = simulateAnomaly(product.good(random), random, { donor: product.good(random) });
  await writePng(join(folder, 'bad', `${name(n)}.png`), image);
  await writeMask(join(folder, 'bad', `${name(n)}_mask.png`), mask);
}
answer({ product: product.name });
