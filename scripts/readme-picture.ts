/** Draws docs/images/from-clicks-to-mask.png: a good part, a bad one, what differs, and the mask after three simulated clicks. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { type Click, Labeler, type Plane, ReferenceIndex, type RgbImage, writePng } from '@adclick/core';
import { nextClick } from '@adclick/core/evaluation';
import { drawHeat, drawOverlay, resizeRgb } from '@adclick/core/image';
import { findSampleProduct, type SampleProduct, sampleDefects, sampleGoods } from '@adclick/core/synthesis';

const PRODUCTS = ['bottle-mouth', 'wire-mesh'];
const NORMALS = 30;
const CLICKS = 3;
const PANEL = 300;
const GAP = 8;
/** Norm of places as good pictures have them: drawn black. */
const GOOD_NORM = 0.7;

/** Puts pictures of one size side by side in rows, on white. */
function mosaic(rows: readonly (readonly RgbImage[])[]): RgbImage {
  const columns = Math.max(...rows.map((row) => row.length));
  const width = columns * PANEL + (columns - 1) * GAP;
  const height = rows.length * PANEL + (rows.length - 1) * GAP;
  const data = new Uint8Array(width * height * 3).fill(255);
  for (const [r, row] of rows.entries())
    for (const [c, picture] of row.entries()) {
      const panel = resizeRgb(picture, PANEL, PANEL);
      for (let y = 0; y < PANEL; y++) {
        const at = ((r * (PANEL + GAP) + y) * width + c * (PANEL + GAP)) * 3;
        data.set(panel.data.subarray(y * PANEL * 3, (y + 1) * PANEL * 3), at);
      }
    }
  return { data, width, height, channels: 3 };
}

async function panels(sample: SampleProduct): Promise<RgbImage[]> {
  const good = [...sampleGoods(sample, NORMALS, 'train')];
  const [defect] = sampleDefects(sample, { defectsPerType: 1 });
  if (!defect) throw new Error(`${sample.name} has no defects`);
  const { image, mask } = defect;
  const index = await ReferenceIndex.build(good.map((picture, i) => ({ name: String(i), image: picture })));
  const labeler = await Labeler.load({ index });
  const view = await labeler.open(image);
  const clicks: Click[] = [];
  let map: Plane = { data: new Float32Array(mask.data.length), width: mask.width, height: mask.height, channels: 1 };
  while (clicks.length < CLICKS) {
    const click = nextClick(map.data, mask, clicks);
    if (!click) break;
    clicks.push(click);
    map = { ...(await view.predict({ clicks })), channels: 1 };
  }
  const norm = view.residualNorm();
  const strongest = norm.data.reduce((most, value) => Math.max(most, value), 0);
  const difference = drawHeat(norm, { low: GOOD_NORM, high: strongest });
  const result = drawOverlay(image, map, { clicks });
  await labeler.close();
  await index.close();
  return [good[0], image, difference, result];
}

const rows: RgbImage[][] = [];
for (const name of PRODUCTS) {
  const sample = findSampleProduct(name);
  if (!sample) throw new Error(`no sample product ${name}`);
  rows.push(await panels(sample));
}
const folder = join(import.meta.dirname, '..', 'docs', 'images');
mkdirSync(folder, { recursive: true });
await writePng(join(folder, 'from-clicks-to-mask.png'), mosaic(rows));
