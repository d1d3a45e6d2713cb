/** Electronics: populated board, board artwork, chip on leads, connector, solar cell. */
import type { Random } from '../../random.ts';
import { drawText, textWidth } from '../drawing/font.ts';
import { cellNoise, fractalNoise, valueNoise } from '../drawing/noise.ts';
import {
  type Canvas,
  type Colour,
  cloneCanvas,
  createCanvas,
  disc,
  fill,
  hsv,
  mixColour,
  type Point,
  poseCanvas,
  roundedBox,
  scaleColour,
  segment,
  strokeLine,
} from '../drawing/raster.ts';
import {
  anyColour,
  backdrop,
  backdropColour,
  type Frame,
  field,
  type Maker,
  metalColour,
  multiply,
  word,
} from './kit.ts';

/** A trace that runs in octilinear steps on a lattice. */
function trace(p: Random, frame: Frame, pitch: number, legs: number): Point[] {
  let x = Math.round(p.uniform(0, frame.width) / pitch) * pitch;
  let y = Math.round(p.uniform(0, frame.height) / pitch) * pitch;
  const points: Point[] = [[x, y]];
  let heading = p.int(0, 8);
  for (let n = 0; n < legs; n++) {
    const length = p.int(1, 9) * pitch;
    x += Math.sign(Math.round(Math.cos((heading * Math.PI) / 4) * 10)) * length;
    y += Math.sign(Math.round(Math.sin((heading * Math.PI) / 4) * 10)) * length;
    points.push([x, y]);
    heading += p.pick([-1, 1, -2, 2]);
  }
  return points;
}

function drawPart(canvas: Canvas, p: Random, frame: Frame, silk: Colour): void {
  const { unit } = frame;
  const x = p.uniform(0.08, 0.92) * frame.width;
  const y = p.uniform(0.08, 0.92) * frame.height;
  const upright = p.chance(0.5);
  const solder: Colour = [195, 198, 200];
  const pick = p.next();
  const box = (dx: number, dy: number, w: number, h: number, r = 0) =>
    upright ? roundedBox(x + dy, y + dx, h, w, r) : roundedBox(x + dx, y + dy, w, h, r);
  if (pick < 0.45) {
    const w = p.uniform(14, 30) * unit;
    const h = w * 0.5;
    fill(canvas, box(0, 0, w * 1.25, h * 1.25), solder, { shade: () => 0.85 });
    fill(
      canvas,
      box(0, 0, w * 0.62, h),
      p.chance(0.5) ? [35, 33, 36] : hsv(0.09, p.uniform(0.2, 0.5), p.uniform(0.4, 0.75)),
    );
    if (p.chance(0.5)) drawText(canvas, word(p, 2), x - w * 0.2, y - h * 0.2, h * 0.45, silk, 0.9 * unit);
  } else if (pick < 0.8) {
    const pins = p.int(3, 10);
    const pitch = p.uniform(7, 12) * unit;
    const w = (pins + 0.4) * pitch;
    const h = p.uniform(22, 60) * unit;
    for (let n = 0; n < pins; n++) {
      const at = (n - (pins - 1) / 2) * pitch;
      for (const side of [-1, 1])
        fill(canvas, box(at, (side * (h + 9 * unit)) / 2, pitch * 0.5, 11 * unit, 1), solder, {
          shade: (_x, yy) => 0.7 + 0.3 * Math.sin(yy),
        });
    }
    fill(canvas, box(0, 0, w, h, 2 * unit), [38, 38, 41], { shade: (_x, _y, d) => (d > -3 * unit ? 1.35 : 1) });
    fill(canvas, disc(x - (upright ? h : w) * 0.38, y - (upright ? w : h) * 0.36, 2.6 * unit), [90, 90, 90]);
    const text = word(p, Math.min(6, pins));
    const size = Math.min(h * 0.25, 12 * unit);
    drawText(canvas, text, x - textWidth(text, size) / 2, y - size / 2, size, [190, 190, 190], 1.1 * unit);
  } else if (pick < 0.9) {
    const r = p.uniform(12, 26) * unit;
    fill(canvas, disc(x, y, r), [190, 192, 196], { shade: (u, v) => 0.75 + (0.35 * (x - u + y - v)) / r / 2 });
    fill(canvas, disc(x, y, r * 0.85), [150, 152, 158], { shade: (u, v) => 0.9 + (0.25 * (u - x + v - y)) / r / 2 });
  } else {
    for (let n = 0; n < 4; n++) {
      fill(
        canvas,
        disc(x + (upright ? 0 : n * 15 * unit), y + (upright ? n * 15 * unit : 0), 6 * unit),
        [205, 170, 90],
      );
      fill(
        canvas,
        disc(x + (upright ? 0 : n * 15 * unit), y + (upright ? n * 15 * unit : 0), 2.6 * unit),
        [25, 20, 15],
      );
    }
  }
}

/** A populated board: solder mask, traces, vias, parts, print. */
export const circuitBoard: Maker = {
  category: 'texture',
  build(p, frame) {
    const { unit } = frame;
    const mask = p.chance(0.6)
      ? hsv(p.uniform(0.3, 0.45), p.uniform(0.5, 0.9), p.uniform(0.2, 0.45))
      : hsv(p.next(), p.uniform(0.3, 0.9), p.uniform(0.08, 0.5));
    const copper = mixColour(mask, [220, 220, 150], p.uniform(0.12, 0.3));
    const silk: Colour = [225, 225, 220];
    const base = createCanvas(frame.width, frame.height, mask);
    const pitch = p.uniform(8, 14) * unit;
    const traces = p.int(25, 70);
    for (let n = 0; n < traces; n++) {
      const points = trace(p, frame, pitch, p.int(2, 6));
      strokeLine(base, points, p.pick([2, 2.5, 3.5, 6]) * unit, copper);
      for (const end of [points[0], points[points.length - 1]]) {
        fill(base, disc(end[0], end[1], 5 * unit), [205, 195, 160]);
        fill(base, disc(end[0], end[1], 2 * unit), scaleColour(mask, 0.35));
      }
    }
    const parts = p.int(10, 30);
    for (let n = 0; n < parts; n++) drawPart(base, p, frame, silk);
    for (let n = 0; n < 8; n++)
      drawText(
        base,
        word(p, p.int(2, 5)),
        p.uniform(0, 0.85) * frame.width,
        p.uniform(0, 0.95) * frame.height,
        p.uniform(7, 13) * unit,
        silk,
        1.1 * unit,
      );
    const shift = p.uniform(0.5, 5) * unit;
    return (r) => {
      const canvas = poseCanvas(base, {
        dx: r.uniform(-1, 1) * shift,
        dy: r.uniform(-1, 1) * shift,
        angle: r.normal() * 0.004,
        scale: 1,
      });
      multiply(canvas, fractalNoise(r, frame.width, frame.height, { cell: 90 * unit, octaves: 4 }), 0.03);
      return canvas;
    };
  },
};

/** Two-level artwork of a bare board, as binarised inspection cameras give it. */
export const boardArtwork: Maker = {
  category: 'texture',
  build(p, frame) {
    const { unit } = frame;
    const dark = p.chance(0.6);
    const ground: Colour = dark ? [4, 4, 4] : hsv(p.next(), p.uniform(0, 0.4), p.uniform(0.75, 1));
    const ink: Colour = dark ? [250, 250, 250] : hsv(p.next(), p.uniform(0, 0.6), p.uniform(0, 0.35));
    const base = createCanvas(frame.width, frame.height, ground);
    const pitch = p.uniform(15, 26) * unit;
    const traces = p.int(14, 34);
    for (let n = 0; n < traces; n++) {
      const points = trace(p, frame, pitch, p.int(2, 6));
      strokeLine(base, points, p.uniform(4, 8) * unit, ink);
      for (const end of [points[0], points[points.length - 1]]) {
        const r = p.uniform(7, 13) * unit;
        fill(base, p.chance(0.6) ? disc(end[0], end[1], r) : roundedBox(end[0], end[1], r * 2, r * 2), ink);
        if (p.chance(0.6)) fill(base, disc(end[0], end[1], r * 0.4), ground);
      }
    }
    const pads = p.int(0, 4);
    for (let n = 0; n < pads; n++) {
      const x = p.uniform(0.1, 0.9) * frame.width;
      const y = p.uniform(0.1, 0.9) * frame.height;
      const count = p.int(3, 9);
      for (let k = 0; k < count; k++) fill(base, roundedBox(x + k * 16 * unit, y, 8 * unit, 34 * unit), ink);
    }
    return (r) => {
      const wobble = valueNoise(r, frame.width, frame.height, 7 * unit);
      const canvas = poseCanvas(base, { dx: r.normal() * unit, dy: r.normal() * unit, angle: 0, scale: 1 });
      const { data } = canvas;
      const level = (ground[1] + ink[1]) / 2;
      for (let i = 0; i < wobble.length; i++) {
        const t = (data[i * 3 + 1] - level) / (ink[1] - ground[1]) + wobble[i] * 0.12;
        const k = Math.max(0, Math.min(1, t * 2.5 + 0.5));
        for (let c = 0; c < 3; c++) data[i * 3 + c] = ground[c] + (ink[c] - ground[c]) * k;
      }
      return canvas;
    };
  },
};

/** A power transistor or chip stood on a perforated or plain ground, legs down. */
export const leadedChip: Maker = {
  category: 'object',
  build(p, frame) {
    const { width, height, unit } = frame;
    const ground = backdrop(
      p,
      frame,
      p.chance(0.5) ? hsv(p.uniform(0.05, 0.12), p.uniform(0.2, 0.6), p.uniform(0.3, 0.7)) : backdropColour(p),
    );
    const pitch = p.uniform(22, 40) * unit;
    if (p.chance(0.5)) {
      for (let y = pitch / 2; y < height; y += pitch)
        for (let x = pitch / 2; x < width; x += pitch) {
          fill(ground, disc(x, y, pitch * 0.3), [185, 150, 100], { opacity: 0.8 });
          fill(ground, disc(x, y, pitch * 0.17), [20, 16, 12]);
        }
    }
    const body = p.chance(0.8) ? hsv(p.next(), 0.05, p.uniform(0.08, 0.25)) : anyColour(p, 0.2, 0.7);
    const legs = p.int(3, 9);
    const w = p.uniform(0.32, 0.5) * width;
    const h = p.uniform(0.25, 0.38) * height;
    const legPitch = (w * 0.8) / legs;
    const legLength = p.uniform(0.25, 0.36) * height;
    const lines = Array.from({ length: p.int(1, 4) }, () => word(p, p.int(3, 7)));
    const tab = p.chance(0.5);
    const metal = metalColour(p, 0.55, 0.9);
    const top = 0.36 * height;
    return (r) => {
      const canvas = cloneCanvas(ground);
      const cx = width / 2 + r.uniform(-6, 6) * unit;
      const grain = fractalNoise(r, width, height, { cell: 3, octaves: 2, gain: 0.9 });
      const shadow = 10 * unit;
      for (let n = 0; n < legs; n++) {
        const x = cx + (n - (legs - 1) / 2) * legPitch;
        const tipX = x + r.normal() * 2.2 * unit;
        const yEnd = top + h / 2 + legLength * (1 + r.normal() * 0.015);
        fill(
          canvas,
          segment([x + shadow, top + shadow], [tipX + shadow, yEnd + shadow * 0.6], legPitch * 0.36),
          [0, 0, 0],
          { opacity: 0.4, softness: 4 * unit },
        );
        const lit = (u: number): number => 0.55 + 0.6 * Math.exp(-(((u - x) / (legPitch * 0.14)) ** 2));
        fill(
          canvas,
          segment([x, top], [x + (tipX - x) * 0.4, top + h / 2 + legLength * 0.45], legPitch * 0.42),
          metal,
          { shade: lit },
        );
        fill(
          canvas,
          segment([x + (tipX - x) * 0.4, top + h / 2 + legLength * 0.4], [tipX, yEnd], legPitch * 0.26),
          metal,
          { shade: lit },
        );
      }
      fill(canvas, roundedBox(cx + shadow, top + shadow, w, h, 6 * unit), [0, 0, 0], {
        opacity: 0.5,
        softness: 6 * unit,
      });
      if (tab) {
        fill(canvas, roundedBox(cx, top - h * 0.55, w * 0.96, h * 0.5, 4 * unit), metal, {
          shade: (_x, y) => 0.8 + 0.2 * Math.sin(y / 9),
        });
        fill(canvas, disc(cx, top - h * 0.56, h * 0.13), scaleColour(metal, 0.15));
      }
      fill(canvas, roundedBox(cx, top, w, h, 6 * unit), body, {
        shade: (x, y, d) =>
          (d > -5 * unit ? 1.5 + (top - y) / h : 1) + (grain[Math.round(y) * width + Math.round(x)] ?? 0) * 0.07,
      });
      const size = Math.min((h * 0.6) / lines.length / 1.5, 24 * unit);
      lines.forEach((line, n) => {
        drawText(
          canvas,
          line,
          cx - textWidth(line, size) / 2 + r.normal(),
          top - h * 0.3 + n * size * 1.6,
          size,
          mixColour(body, [220, 220, 220], 0.7),
          size / 8,
        );
      });
      return canvas;
    };
  },
};

/** A plug housing with a row or two of contacts. */
export const connector: Maker = {
  category: 'object',
  build(p, frame) {
    const { width, height, unit } = frame;
    const ground = backdrop(p, frame, backdropColour(p));
    const shell = anyColour(p, 0.15, 0.95);
    const metal = p.chance(0.6) ? hsv(0.13, p.uniform(0.4, 0.7), 0.9) : metalColour(p, 0.6, 0.95);
    const columns = p.int(4, 13);
    const rows = p.int(1, 4);
    const w = p.uniform(0.6, 0.82) * width;
    const h = p.uniform(0.14, 0.2) * rows * height + 0.12 * height;
    const round = p.chance(0.4);
    return (r) => {
      const canvas = cloneCanvas(ground);
      const [cx, cy] = [width / 2, height / 2];
      const grain = fractalNoise(r, width, height, { cell: 40 * unit, octaves: 4 });
      fill(canvas, roundedBox(cx + 9 * unit, cy + 11 * unit, w, h, 14 * unit), [0, 0, 0], {
        opacity: 0.45,
        softness: 12 * unit,
      });
      fill(canvas, roundedBox(cx, cy - h * 0.53, w * 0.25, h * 0.18, 3 * unit), scaleColour(shell, 0.85));
      fill(canvas, roundedBox(cx, cy, w, h, 14 * unit), shell, {
        shade: (_x, y, d) => (d > -6 * unit ? 0.85 + (0.5 * (cy - y)) / h : 0.95 + (0.08 * (cy - y)) / h),
      });
      const [iw, ih] = [w * 0.9, h * 0.74];
      fill(canvas, roundedBox(cx, cy, iw, ih, 8 * unit), scaleColour(shell, 0.4), {
        shade: (_x, y, d) => (d > -8 * unit ? 0.7 + (y - cy) / ih : 1),
      });
      for (let a = 0; a < rows; a++) {
        for (let b = 0; b < columns; b++) {
          const x = cx + ((b + 0.5) / columns - 0.5) * iw * 0.94 + r.normal() * 0.7 * unit;
          const y = cy + ((a + 0.5) / rows - 0.5) * ih * 0.9 + r.normal() * 0.7 * unit;
          const size = Math.min((iw / columns) * 0.32, (ih / rows) * 0.3);
          const shape = (k: number) =>
            round ? disc(x, y, size * k) : roundedBox(x, y, size * 1.7 * k, size * 1.7 * k, 1);
          fill(canvas, shape(1.35), [8, 8, 8]);
          fill(canvas, shape(1), metal, { shade: (u, v) => 0.75 + (0.5 * (x - u + y - v)) / size / 2 });
          fill(canvas, disc(x - size * 0.25, y - size * 0.25, size * 0.3), [255, 255, 250], {
            opacity: 0.5,
            softness: size * 0.3,
          });
        }
      }
      multiply(canvas, grain, 0.02);
      return canvas;
    };
  },
};

/** A crystalline solar cell with fingers and bus bars. */
export const solarCell: Maker = {
  category: 'texture',
  build(p, frame) {
    const { width, height, unit } = frame;
    const grey = p.chance(0.5);
    const base = grey
      ? hsv(0, 0, p.uniform(0.25, 0.6))
      : hsv(p.uniform(0.58, 0.68), p.uniform(0.4, 0.8), p.uniform(0.2, 0.5));
    const poly = p.chance(0.6);
    const finger = p.uniform(7, 16) * unit;
    const bars = p.int(2, 5);
    const metal = hsv(0, 0, grey ? p.uniform(0.05, 0.3) : 0.8);
    const crystal = p.uniform(24, 70) * unit;
    return (r) => {
      const cells = cellNoise(r, width, height, crystal, crystal);
      const cloud = fractalNoise(r, width, height, { cell: 120 * unit, octaves: 3 });
      const shade = field(frame, (_x, _y, i) => (poly ? (cells.value[i] - 0.5) * 0.35 : 0) + cloud[i] * 0.05);
      const canvas = createCanvas(width, height, base);
      multiply(canvas, shade, 1);
      const [dx, dy] = [r.uniform(-2, 2) * unit, r.uniform(-2, 2) * unit];
      const lines = field(frame, (x, y) => {
        const f = Math.abs((((y + dy) / finger) % 1) - 0.5) * finger;
        const u = Math.abs(((((x + dx) / width) * bars) % 1) - 0.5) * (width / bars);
        return u < 4 * unit ? 1 : f < 0.8 * unit ? 0.6 : 0;
      });
      const { data } = canvas;
      for (let i = 0; i < lines.length; i++)
        if (lines[i]) for (let c = 0; c < 3; c++) data[i * 3 + c] += (metal[c] - data[i * 3 + c]) * lines[i] * 0.85;
      return canvas;
    };
  },
};
