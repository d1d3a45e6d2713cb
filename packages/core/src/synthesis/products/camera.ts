/** The camera that looks at a product: pose, focus, light that varies from picture to picture, sensor noise, compression. */
import type { RgbImage } from '../../image/types.ts';
import type { Random } from '../../random.ts';
import { normalPlane } from '../drawing/noise.ts';
import { soften } from '../drawing/planes.ts';
import { type Canvas, poseCanvas, toImage } from '../drawing/raster.ts';

/** What stays the same for all pictures of one product. */
export interface Camera {
  /** Luminance only, as many factory cameras. */
  readonly grey: boolean;
  /** Sigma of the sensor noise at mid grey, in grey values. */
  readonly noise: number;
  /** Sigma of the focus blur in pixels. */
  readonly blur: number;
  /** Largest relative change of brightness between pictures, and of brightness across one picture. */
  readonly lightJitter: number;
  readonly slope: number;
  /** Darkening of the corners. */
  readonly vignette: number;
  /** Quantiser of the 8 x 8 cosine blocks, 0 for none. */
  readonly blocks: number;
  /** Largest shift in pixels, turn in radians and relative scale of the pose. */
  readonly shift: number;
  readonly turn: number;
  readonly zoom: number;
  readonly gain: number;
  readonly gamma: number;
}

/** How firmly a product is held: textures carry no pose, fixtures little, loose parts are posed by the product itself. */
export type Holding = 'texture' | 'fixed';

/** Draws a camera; `unit` is the picture's side over 512. */
export function drawCamera(p: Random, holding: Holding, unit: number): Camera {
  const loose = holding === 'fixed' ? p.uniform(0.1, 1) ** 2 : 0;
  return {
    grey: p.chance(0.22),
    noise: 0.6 * 9 ** p.next(),
    blur: p.chance(0.3) ? p.uniform(0.9, 1.5) * Math.sqrt(unit) : p.uniform(0.3, 0.85) * Math.sqrt(unit),
    lightJitter: p.uniform(0.01, 0.09),
    slope: p.uniform(0.01, 0.1),
    vignette: p.chance(0.4) ? p.uniform(0.05, 0.3) : 0,
    blocks: p.chance(0.35) ? p.uniform(2, 9) : 0,
    shift: loose * 9 * unit,
    turn: loose * 0.05,
    zoom: loose * 0.025,
    gain: p.chance(0.2) ? p.uniform(0.4, 0.8) : p.uniform(0.85, 1.1),
    gamma: p.uniform(0.85, 1.2),
  };
}

const COSINE = Float32Array.from({ length: 64 }, (_, i) => {
  const k = i >> 3;
  return Math.cos(((2 * (i & 7) + 1) * k * Math.PI) / 16) * (k ? 0.5 : Math.SQRT1_2 / 2);
});

/** Rounds the 8 x 8 cosine coefficients of the brightness, as a compressor does, the finer the coarser. */
function quantiseBlocks(canvas: Canvas, step: number): void {
  const { width, height, data } = canvas;
  const block = new Float32Array(64);
  const rows = new Float32Array(64);
  for (let by = 0; by + 8 <= height; by += 8) {
    for (let bx = 0; bx + 8 <= width; bx += 8) {
      for (let y = 0; y < 8; y++) {
        for (let x = 0; x < 8; x++) {
          const i = ((by + y) * width + bx + x) * 3;
          block[y * 8 + x] = 0.3 * data[i] + 0.59 * data[i + 1] + 0.11 * data[i + 2];
        }
      }
      for (let y = 0; y < 8; y++) {
        for (let k = 0; k < 8; k++) {
          let sum = 0;
          for (let x = 0; x < 8; x++) sum += block[y * 8 + x] * COSINE[k * 8 + x];
          rows[y * 8 + k] = sum;
        }
      }
      const change = new Float32Array(64);
      let any = false;
      for (let j = 0; j < 8; j++) {
        for (let k = 0; k < 8; k++) {
          let sum = 0;
          for (let y = 0; y < 8; y++) sum += rows[y * 8 + k] * COSINE[j * 8 + y];
          const q = step * (0.6 + 0.45 * (j + k));
          const d = Math.round(sum / q) * q - sum;
          change[j * 8 + k] = d;
          if (d !== 0) any = true;
        }
      }
      if (!any) continue;
      for (let j = 0; j < 8; j++) {
        for (let x = 0; x < 8; x++) {
          let sum = 0;
          for (let k = 0; k < 8; k++) sum += change[j * 8 + k] * COSINE[k * 8 + x];
          rows[j * 8 + x] = sum;
        }
      }
      for (let y = 0; y < 8; y++) {
        for (let x = 0; x < 8; x++) {
          let sum = 0;
          for (let j = 0; j < 8; j++) sum += rows[j * 8 + x] * COSINE[j * 8 + y];
          const i = ((by + y) * width + bx + x) * 3;
          data[i] += sum;
          data[i + 1] += sum;
          data[i + 2] += sum;
        }
      }
    }
  }
}

/** Takes one picture of a drawn scene. */
export function takePicture(scene: Canvas, camera: Camera, random: Random): RgbImage {
  const { width, height } = scene;
  let view = scene;
  if (camera.shift > 0.3) {
    view = poseCanvas(scene, {
      dx: random.uniform(-1, 1) * camera.shift,
      dy: random.uniform(-1, 1) * camera.shift,
      angle: random.uniform(-1, 1) * camera.turn,
      scale: 1 + random.uniform(-1, 1) * camera.zoom,
    });
  }
  const focus = camera.blur * random.uniform(0.85, 1.15);
  const canvas: Canvas = { width, height, data: soften(view.data, width, height, focus, 3) };
  const { data } = canvas;
  const level = camera.gain * (1 + random.uniform(-1, 1) * camera.lightJitter);
  const slopeX = random.uniform(-1, 1) * camera.slope;
  const slopeY = random.uniform(-1, 1) * camera.slope;
  const warmth = random.uniform(-0.01, 0.01);
  const noise = normalPlane(random, width * height);
  const tone = Float32Array.from({ length: 1024 }, (_, i) => 255 * (i / 1023) ** camera.gamma);
  for (let y = 0, p = 0, i = 0; y < height; y++) {
    const v = y / height - 0.5;
    for (let x = 0; x < width; x++, p++, i += 3) {
      const u = x / width - 0.5;
      const light = level * (1 + slopeX * u + slopeY * v - camera.vignette * 2 * (u * u + v * v));
      let r = data[i] * light * (1 + warmth);
      let g = data[i + 1] * light;
      let b = data[i + 2] * light * (1 - warmth);
      if (camera.grey) {
        r = 0.35 * r + 0.5 * g + 0.15 * b;
        g = r;
        b = r;
      }
      const grain = noise[p] * camera.noise * (0.45 + g / 300);
      r = r < 0 ? 0 : Math.min(r, 255);
      g = g < 0 ? 0 : Math.min(g, 255);
      b = b < 0 ? 0 : Math.min(b, 255);
      data[i] = tone[(r * 4) | 0] + grain;
      data[i + 1] = tone[(g * 4) | 0] + grain;
      data[i + 2] = tone[(b * 4) | 0] + grain;
      if (!camera.grey) {
        const other = noise[(p * 7 + 13) % noise.length] * camera.noise * 0.4;
        data[i] += other;
        data[i + 2] -= other;
      }
    }
  }
  if (camera.blocks) quantiseBlocks(canvas, camera.blocks);
  return toImage(canvas);
}
