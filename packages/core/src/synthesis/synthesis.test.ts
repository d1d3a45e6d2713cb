import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { readMask, readRgb } from '../image/codec.ts';
import { Random } from '../random.ts';
import { drawText, textWidth } from './drawing/font.ts';
import { cellNoise, fractalNoise, normalPlane, perlinNoise, valueNoise } from './drawing/noise.ts';
import { guessForeground, regionsOf, soften } from './drawing/planes.ts';
import { createCanvas, disc, fill, polygon, poseCanvas, roundedBox, toImage } from './drawing/raster.ts';
import { randomTexture, TEXTURE_FAMILIES } from './drawing/textures.ts';
import { findSampleProduct, SAMPLE_PRODUCTS, writeSampleProduct } from './samples.ts';

const moments = (plane: Float32Array): { mean: number; sd: number } => {
  const mean = plane.reduce((sum, v) => sum + v, 0) / plane.length;
  return { mean, sd: Math.sqrt(plane.reduce((sum, v) => sum + (v - mean) ** 2, 0) / plane.length) };
};

describe('noise', () => {
  test('normalPlane is standard normal, odd sizes included', () => {
    const { mean, sd } = moments(normalPlane(new Random(1), 100001));
    expect(Math.abs(mean)).toBeLessThan(0.02);
    expect(Math.abs(sd - 1)).toBeLessThan(0.02);
  });

  test('value and fractal noise are of about unit variance and smooth at their cell', () => {
    for (const plane of [
      valueNoise(new Random(2), 300, 200, 12),
      fractalNoise(new Random(2), 300, 200, { cell: 24, octaves: 4 }),
    ]) {
      expect(moments(plane).sd).toBeGreaterThan(0.6);
      expect(moments(plane).sd).toBeLessThan(1.2);
    }
    const smooth = valueNoise(new Random(3), 200, 200, 20);
    let step = 0;
    for (let i = 1; i < 200; i++) step = Math.max(step, Math.abs(smooth[i] - smooth[i - 1]));
    expect(step).toBeLessThan(0.5);
  });

  test('Perlin noise stays within about [-1, 1] and passes 0.5 somewhere', () => {
    let reached = 0;
    for (let n = 0; n < 20; n++) {
      const plane = perlinNoise(new Random(n), 96, 64);
      expect(plane.every((v) => Math.abs(v) < 1.1)).toBe(true);
      if (plane.some((v) => v > 0.5)) reached++;
    }
    expect(reached).toBeGreaterThan(10);
  });

  test('cells: the nearest point is nearer than the second', () => {
    const { nearest, second, value } = cellNoise(new Random(4), 80, 60, 9);
    expect(nearest.every((d, i) => d <= second[i])).toBe(true);
    expect(new Set(value).size).toBeGreaterThan(30);
  });
});

describe('raster', () => {
  const areaOf = (draw: (canvas: ReturnType<typeof createCanvas>) => void): number => {
    const canvas = createCanvas(100, 100);
    draw(canvas);
    let sum = 0;
    for (let i = 0; i < canvas.data.length; i += 3) sum += canvas.data[i] / 255;
    return sum;
  };

  test('anti-aliased areas equal the exact ones', () => {
    expect(areaOf((c) => fill(c, disc(50.3, 49.6, 20), [255, 255, 255]))).toBeCloseTo(Math.PI * 400, -1);
    expect(areaOf((c) => fill(c, roundedBox(50, 50, 40, 22, 0, 0.4), [255, 255, 255]))).toBeCloseTo(880, -1);
    // A concave polygon: a 60 x 60 square with a 30 x 30 corner taken out.
    const concave = polygon([
      [20, 20],
      [80, 20],
      [80, 50],
      [50, 50],
      [50, 80],
      [20, 80],
    ]);
    expect(areaOf((c) => fill(c, concave, [255, 255, 255]))).toBeCloseTo(2700, -1);
  });

  test('a pose and its inverse give the picture back away from the border', () => {
    const canvas = createCanvas(80, 80);
    canvas.data.set(fractalNoise(new Random(1), 240, 80, { cell: 60, octaves: 1 }).map((v) => 128 + 30 * v));
    const smooth = { ...canvas, data: soften(canvas.data, 80, 80, 3, 3) };
    const there = poseCanvas(smooth, { dx: 3.5, dy: -2, angle: 0.2, scale: 1 });
    const c = Math.cos(-0.2);
    const s = Math.sin(-0.2);
    const back = poseCanvas(there, { dx: -(3.5 * c + 2 * s), dy: -(3.5 * s - 2 * c), angle: -0.2, scale: 1 });
    for (let y = 30; y < 50; y++)
      for (let x = 30; x < 50; x++)
        expect(back.data[(y * 80 + x) * 3]).toBeCloseTo(smooth.data[(y * 80 + x) * 3], -0.5);
  });

  test('text is drawn as wide as said', () => {
    const canvas = createCanvas(200, 40);
    drawText(canvas, 'E8E', 10, 10, 18, [255, 255, 255], 1);
    let [left, right] = [200, 0];
    canvas.data.forEach((v, i) => {
      if (v < 128) return;
      left = Math.min(left, Math.floor(i / 3) % 200);
      right = Math.max(right, Math.floor(i / 3) % 200);
    });
    expect(right - left).toBeGreaterThan(textWidth('E8E', 18) - 3);
    expect(right - left).toBeLessThan(textWidth('E8E', 18) + 3);
  });
});

describe('planes', () => {
  test('soften keeps the mean of an inner bump and spreads it to the asked sigma', () => {
    for (const sigma of [1, 6]) {
      const plane = new Float32Array(81 * 81);
      plane[40 * 81 + 40] = 1;
      const out = soften(plane, 81, 81, sigma);
      let [sum, variance] = [0, 0];
      out.forEach((v, i) => {
        sum += v;
        variance += v * ((i % 81) - 40) ** 2;
      });
      expect(sum).toBeCloseTo(1, 2);
      expect(Math.sqrt(variance)).toBeGreaterThan(0.85 * sigma);
      expect(Math.sqrt(variance)).toBeLessThan(1.1 * sigma);
    }
  });

  test('the foreground is the object on a plain ground, all of a texture', () => {
    const canvas = createCanvas(128, 128, [220, 220, 220]);
    fill(canvas, disc(64, 64, 30), [40, 60, 80]);
    const { mask, everywhere } = guessForeground(toImage(canvas));
    expect(everywhere).toBe(false);
    expect(mask.reduce((sum, v) => sum + v, 0)).toBeCloseTo(Math.PI * 900, -3);
    expect(mask[64 * 128 + 64]).toBe(1);
    expect(mask[5 * 128 + 5]).toBe(0);
    expect(guessForeground(randomTexture(new Random(1), 128, 128, 'checker')).everywhere).toBe(true);
  });

  test('regions are the connected ones', () => {
    const mask = Uint8Array.from([1, 0, 1, 0, 1, 0, 0, 0, 1]);
    expect(regionsOf(mask, 3, 3, 8).map((r) => r.length)).toEqual([4]);
    expect(regionsOf(mask, 3, 3, 4).map((r) => r.length)).toEqual([1, 1, 1, 1]);
  });
});

describe('textures', () => {
  test('at least 24 families, each drawn at the asked size, no two alike', () => {
    expect(TEXTURE_FAMILIES.length).toBeGreaterThanOrEqual(24);
    const seen = new Set<string>();
    for (const family of TEXTURE_FAMILIES) {
      const image = randomTexture(new Random(family), 61, 43, family);
      expect([image.width, image.height, image.data.length]).toEqual([61, 43, 61 * 43 * 3]);
      expect(randomTexture(new Random(family), 61, 43, family).data).toEqual(image.data);
      seen.add(image.data.join());
    }
    expect(seen.size).toBe(TEXTURE_FAMILIES.length);
  });
});

describe('writeSampleProduct', () => {
  test('a dozen products or more, the demo first, names without blanks', () => {
    expect(SAMPLE_PRODUCTS.length).toBeGreaterThanOrEqual(12);
    expect(SAMPLE_PRODUCTS[0].name).toBe('bottle-mouth');
    for (const { name, defects } of SAMPLE_PRODUCTS) {
      expect(name).toMatch(/^[a-z-]+$/);
      expect(Object.keys(defects).length).toBeGreaterThanOrEqual(3);
    }
  });

  test('writes the MVTec layout with masks of the pictures, and refuses names it does not know', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'adclick-sample-'));
    try {
      const count = await writeSampleProduct(directory, 'machined-ring', {
        normals: 2,
        testGoods: 1,
        defectsPerType: 1,
        width: 160,
        height: 128,
      });
      const types = Object.keys(findSampleProduct('machined-ring')!.defects).sort();
      expect(count).toBe(3 + types.length);
      expect(await readdir(join(directory, 'train/good'))).toEqual(['000.png', '001.png']);
      expect((await readdir(join(directory, 'test'))).sort()).toEqual([...types, 'good'].sort());
      for (const type of types) {
        const image = await readRgb(join(directory, 'test', type, '000.png'));
        const mask = await readMask(join(directory, 'ground_truth', type, '000_mask.png'), image);
        expect([mask.width, mask.height]).toEqual([160, 128]);
        const area = mask.data.reduce((sum, v) => sum + v, 0);
        expect(area).toBeGreaterThanOrEqual(24);
        expect(area).toBeLessThanOrEqual(0.061 * 160 * 128);
      }
      await expect(writeSampleProduct(directory, 'unicorn')).rejects.toThrow(/no sample product unicorn/);
    } finally {
      await rm(directory, { recursive: true, force: true });
    }
  });
});
