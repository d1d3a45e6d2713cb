/** Metal parts from the side or in free pose: screw, hex nut, threaded spindle, painted bracket, spring, stamped washer tray. */
import { fractalNoise, normalPlane, valueNoise } from '../drawing/noise.ts';
import {
  type Colour,
  cloneCanvas,
  createCanvas,
  disc,
  fill,
  hsv,
  type Point,
  polygon,
  ring,
  roundedBox,
  type Shape,
  scaleColour,
  segment,
  strokeLine,
} from '../drawing/raster.ts';
import { anyColour, backdrop, backdropColour, field, type Maker, metalColour, multiply, type Scene } from './kit.ts';

/** A screw or bolt lying on its side, in a fixture or in free pose. */
export const screw: Maker = {
  category: 'object',
  build(p, frame) {
    const { width, height, unit } = frame;
    const ground = backdrop(p, frame, backdropColour(p));
    const metal = metalColour(p, 0.35, 0.85);
    const length = p.uniform(0.6, 0.78) * Math.max(width, height) * (width === height ? 1 : 0.95);
    const girth = length * p.uniform(0.09, 0.17);
    const head = girth * p.uniform(1.6, 2.3);
    const headLength = length * p.uniform(0.1, 0.18);
    const countersunk = p.chance(0.5);
    const pitch = girth * p.uniform(0.22, 0.45);
    const deep = girth * p.uniform(0.1, 0.2);
    const shank = length * p.uniform(0, 0.35);
    const pointed = p.chance(0.6);
    const free = p.chance(0.5);
    const standing = height >= width ? Math.PI / 2 : 0;
    const settled = standing + p.uniform(-0.5, 0.5);
    return (r) => {
      const canvas = cloneCanvas(ground);
      const angle = free ? r.uniform(0, 6.28) : settled + r.normal() * 0.02;
      const reach = (width === height ? 1 : 0) * (free ? 25 : 4) * unit;
      const cx = width / 2 + r.uniform(-1, 1) * reach;
      const cy = height / 2 + r.uniform(-1, 1) * reach;
      const c = Math.cos(angle);
      const s = Math.sin(angle);
      const phase = r.uniform(0, pitch);
      const grain = fractalNoise(r, width, height, { cell: 6, octaves: 3 });
      const half = length / 2;
      const profile = (u: number): number => {
        if (u < -half || u > half) return -1;
        const t = u + half;
        if (t < headLength)
          return countersunk
            ? (head / 2) * (1 - t / headLength) + (girth / 2) * (t / headLength)
            : head / 2 - Math.max(0, headLength * 0.35 - t) ** 2 / head;
        const left = length - t;
        const tip = pointed ? Math.min(1, left / (girth * 1.1)) : Math.min(1, 0.75 + left / girth);
        return (girth / 2) * tip;
      };
      const outline: Shape = {
        box: [cx - half - head, cy - half - head, cx + half + head, cy + half + head],
        distance: (x, y) => {
          const u = (x - cx) * c + (y - cy) * s;
          const v = (y - cy) * c - (x - cx) * s;
          let w = profile(u);
          if (w < 0) return Math.max(1, Math.hypot(Math.abs(u) - half, Math.max(0, Math.abs(v) - girth / 2)));
          if (u + half > headLength + shank) {
            const wave = Math.abs((((((u + v * 0.25 + phase) / pitch) % 1) + 1) % 1) - 0.5) * 2;
            w += deep * (wave - 0.5) * 2 * Math.min(1, (u + half - headLength - shank) / (3 * unit));
          }
          return Math.abs(v) - w;
        },
      };
      fill(canvas, { box: outline.box, distance: (x, y) => outline.distance(x - 7 * unit, y - 9 * unit) }, [0, 0, 0], {
        opacity: 0.4,
        softness: 7 * unit,
      });
      fill(canvas, outline, metal, {
        shade: (x, y) => {
          const u = (x - cx) * c + (y - cy) * s;
          const v = (y - cy) * c - (x - cx) * s;
          const w = Math.max(1, profile(u));
          const q = Math.max(-1, Math.min(1, v / w));
          let light = 0.3 + 0.5 * Math.sqrt(1 - q * q) + 0.55 * Math.exp(-((q + 0.35) ** 2) * 14);
          if (u + half > headLength + shank) light *= 0.72 + 0.45 * Math.sin(((u + v * 0.25 + phase) / pitch) * 6.2832);
          return (
            light + 0.03 * (grain[Math.max(0, Math.min(grain.length - 1, Math.round(y) * width + Math.round(x)))] ?? 0)
          );
        },
      });
      return canvas;
    };
  },
};

/** One or a few hexagon nuts in free pose. */
export const hexNut: Maker = {
  category: 'object',
  build(p, frame): Scene {
    const { unit } = frame;
    const metal = metalColour(p, 0.4, 0.85);
    const ground = backdrop(p, frame, backdropColour(p));
    const size = p.uniform(0.28, 0.4) * Math.min(frame.width, frame.height);
    const bore = size * p.uniform(0.45, 0.6);
    const threads = p.int(3, 7);
    const free = p.chance(0.6);
    return (r) => {
      const canvas = { ...ground, data: ground.data.slice() };
      const cx = frame.width / 2 + r.uniform(-1, 1) * (free ? 50 : 6) * unit;
      const cy = frame.height / 2 + r.uniform(-1, 1) * (free ? 50 : 6) * unit;
      const turn = free ? r.uniform(0, 6.28) : r.normal() * 0.03;
      const corners = Array.from(
        { length: 6 },
        (_, n): Point => [
          cx + size * Math.cos(turn + (n * Math.PI) / 3),
          cy + size * Math.sin(turn + (n * Math.PI) / 3),
        ],
      );
      const shape = polygon(corners);
      const grain = fractalNoise(r, frame.width, frame.height, { cell: 5, octaves: 2, stretch: 8 * unit });
      fill(canvas, polygon(corners.map(([x, y]): Point => [x + 8 * unit, y + 10 * unit])), [0, 0, 0], {
        opacity: 0.45,
        softness: 14 * unit,
      });
      const shade = (x: number, y: number, d: number): number => {
        const q = Math.hypot(x - cx, y - cy);
        const grainAt = grain[Math.round(y) * frame.width + Math.round(x)] ?? 0;
        const side = Math.cos(Math.atan2(y - cy, x - cx) + 2.3);
        if (q > size * 0.86) return 0.55 + 0.3 * side;
        if (d > -4 * unit) return 0.6 + 0.5 * side;
        if (q < bore * 1.1) return 0.55 - 0.35 * side;
        return 0.88 + grainAt * 0.05 + 0.1 * side;
      };
      fill(canvas, shape, metal, { shade });
      for (let n = 0; n < threads; n++) {
        const radius = bore * (1 - n * 0.035);
        fill(canvas, disc(cx + n * 0.5 * unit, cy + n * 0.7 * unit, radius), scaleColour(metal, n % 2 ? 0.5 : 0.18), {
          shade: (x, y) => 0.8 - 0.4 * Math.cos(Math.atan2(y - cy, x - cx) + 2.3),
        });
      }
      const floor: Colour = [ground.data[0] * 0.6, ground.data[1] * 0.6, ground.data[2] * 0.6];
      fill(canvas, disc(cx + 2 * unit, cy + 3 * unit, bore * (1 - threads * 0.035)), floor);
      return canvas;
    };
  },
};

/** A wide picture of a ground spindle: oblique threads, bright flanks, oil sheen. */
export const spindle: Maker = {
  category: 'texture',
  build(p, frame) {
    const { width, height, unit } = frame;
    const metal = p.chance(0.5)
      ? hsv(p.uniform(0.09, 0.14), p.uniform(0.15, 0.45), p.uniform(0.5, 0.85))
      : metalColour(p, 0.4, 0.8);
    const pitch = p.uniform(70, 200) * unit;
    const lean = p.uniform(-0.9, 0.9);
    const groove = p.uniform(0.3, 0.6);
    const curve = p.uniform(0, 0.5);
    const sheen = p.uniform(0.1, 0.5);
    const drift = p.uniform(0, 0.5);
    return (r) => {
      const phase = r.uniform(0, 1) * (drift > 0.25 ? 1 : 0.1);
      const streak = fractalNoise(r, width, height, { cell: 3, octaves: 2, gain: 0.9, stretch: 14 });
      const cloud = fractalNoise(r, width, height, { cell: 80 * unit, octaves: 4 });
      const lightAt = r.uniform(-0.1, 0.1);
      const canvas = createCanvas(width, height, metal);
      multiply(
        canvas,
        field(frame, (x, y, i) => {
          const v = y / height - 0.5;
          const u = (x + lean * (y - height / 2) + curve * v * v * height) / pitch + phase + cloud[i] * 0.006;
          const t = u - Math.floor(u);
          const inside = t < groove;
          const q = inside ? t / groove : (t - groove) / (1 - groove);
          const flank = Math.exp(-(Math.min(q, 1 - q) * 16));
          let light = inside
            ? 0.45 + 0.5 * Math.sin(q * 3.14) ** 2 * 0.6 + 0.35 * Math.exp(-((q - 0.3) ** 2) * 40)
            : 0.9 + 0.12 * Math.sin(q * 3.14);
          light -= flank * 0.4;
          light *= 0.75 + sheen * Math.exp(-((v - lightAt) ** 2) * 22) + 0.1 * cloud[i] * sheen;
          return light - 1 + streak[i] * 0.035;
        }),
        1,
      );
      return canvas;
    };
  },
};

/** A painted sheet-metal plate with holes and cut corners, hung in any pose before a plain wall. */
export const paintedBracket: Maker = {
  category: 'object',
  build(p, frame) {
    const { width, height, unit } = frame;
    const ground = backdrop(
      p,
      frame,
      hsv(p.next(), p.uniform(0, 0.12), p.chance(0.75) ? p.uniform(0.65, 0.95) : p.uniform(0.1, 0.3)),
    );
    const paint = hsv(p.next(), p.uniform(0.2, 0.95), p.uniform(0.3, 0.95));
    const side = Math.min(width, height);
    const w = side * p.uniform(0.42, 0.62);
    const h = side * p.uniform(0.42, 0.62);
    const cutCorner = p.chance(0.5) ? p.uniform(0.05, 0.16) * w : 0;
    const tabbed = p.chance(0.4);
    const holes = [
      [0, 0, p.uniform(0.06, 0.13)],
      ...Array.from({ length: p.int(0, 5) }, () => [
        p.uniform(-0.36, 0.36),
        p.uniform(-0.36, 0.36),
        p.uniform(0.02, 0.05),
      ]),
    ];
    const hung = p.chance(0.5);
    const free = p.chance(0.75);
    const peel = p.uniform(0.005, 0.03);
    return (r) => {
      const canvas = cloneCanvas(ground);
      const angle = free ? r.uniform(0, 6.28) : r.normal() * 0.03;
      const squeeze = free ? r.uniform(0.8, 1) : 1;
      const cx = width / 2 + r.uniform(-1, 1) * (free ? 30 : 5) * unit;
      const cy = height / 2 + r.uniform(-1, 1) * (free ? 30 : 5) * unit;
      const c = Math.cos(angle);
      const s = Math.sin(angle);
      const skin = fractalNoise(r, width, height, { cell: 7 * unit, octaves: 3 });
      const broad = fractalNoise(r, width, height, { cell: 140 * unit, octaves: 2 });
      const at = (u: number, v: number): Point => [cx + (u * c - v * s) * squeeze, cy + u * s + v * c];
      const corners: Point[] = [];
      for (const [su, sv] of [
        [-1, -1],
        [1, -1],
        [1, 1],
        [-1, 1],
      ]) {
        const last = su === 1 && sv === 1 ? cutCorner : 0;
        if (last) corners.push(at((su * w) / 2, (sv * h) / 2 - last), at((su * w) / 2 - last, (sv * h) / 2));
        else corners.push(at((su * w) / 2, (sv * h) / 2));
        if (tabbed && su === 1 && sv === -1)
          corners.push(at(w / 2, -h * 0.2), at(w * 0.62, -h * 0.16), at(w * 0.62, h * 0.16), at(w / 2, h * 0.2));
      }
      const shape = polygon(corners);
      const [left, top, right, bottom] = shape.box;
      const cast = {
        box: [left + 8 * unit, top + 10 * unit, right + 8 * unit, bottom + 10 * unit] as const,
        distance: (x: number, y: number) => shape.distance(x - 8 * unit, y - 10 * unit),
      };
      fill(canvas, cast, [0, 0, 0], { opacity: 0.22, softness: 16 * unit });
      const slopeX = r.uniform(-0.25, 0.25);
      const slopeY = r.uniform(-0.25, 0.25);
      fill(canvas, shape, paint, {
        shade: (x, y, d) => {
          const i = Math.max(0, Math.min(skin.length - 1, Math.round(y) * width + Math.round(x)));
          return (
            0.92 +
            (slopeX * (x - cx) + slopeY * (y - cy)) / side +
            skin[i] * peel +
            broad[i] * 0.03 +
            (d > -2.5 * unit ? 0.18 : 0)
          );
        },
      });
      for (const [u, v, q] of holes) {
        const [hx, hy] = at(u * w, v * h);
        const inside: Colour = [ground.data[0] * 0.95, ground.data[1] * 0.95, ground.data[2] * 0.95];
        fill(canvas, disc(hx, hy, q * w + 1.5 * unit), scaleColour(paint, 0.6));
        fill(canvas, disc(hx + unit, hy + unit, q * w), inside);
      }
      if (hung) {
        const [hx, hy] = at(holes[0][0] * w, holes[0][1] * h);
        strokeLine(
          canvas,
          [
            [hx, 0],
            [hx + 3 * unit, hy - 40 * unit],
            [hx - 8 * unit, hy],
            [hx + 6 * unit, hy + 8 * unit],
          ],
          5 * unit,
          [125, 120, 112],
          { shade: (x) => 0.8 + 0.3 * Math.sin(x) },
        );
      }
      return canvas;
    };
  },
};

/** A coil spring seen from the side. */
export const spring: Maker = {
  category: 'object',
  build(p, frame) {
    const { width, height, unit } = frame;
    const ground = backdrop(p, frame, backdropColour(p));
    const metal = metalColour(p, 0.4, 0.85);
    const upright = height >= width;
    const length = Math.max(width, height) * p.uniform(0.66, 0.84);
    const radius = Math.min(width, height) * p.uniform(0.14, 0.26);
    const turns = p.int(6, 16);
    const wire = Math.min((length / turns) * p.uniform(0.3, 0.6), 30 * unit);
    return (r) => {
      const canvas = cloneCanvas(ground);
      const lean = r.normal() * 0.015;
      const put = (along: number, across: number): Point =>
        upright
          ? [width / 2 + across + lean * along, height / 2 + along]
          : [width / 2 + along, height / 2 + across + lean * along];
      const grain = valueNoise(r, width, height, 12 * unit);
      for (const front of [false, true]) {
        for (let n = 0; n < turns; n++) {
          const a = ((n + (front ? 0 : 0.5)) / turns - 0.5) * length + r.normal() * 0.6 * unit;
          const b = a + (length / turns) * 0.5;
          const points: Point[] = [];
          for (let k = 0; k <= 12; k++)
            points.push(put(a + ((b - a) * k) / 12, (front ? -1 : 1) * radius * Math.cos((k / 12) * Math.PI)));
          if (front)
            for (let k = 1; k < points.length; k++)
              fill(
                canvas,
                segment(
                  [points[k - 1][0] + 6 * unit, points[k - 1][1] + 8 * unit],
                  [points[k][0] + 6 * unit, points[k][1] + 8 * unit],
                  wire,
                ),
                [0, 0, 0],
                { opacity: 0.18, softness: 5 * unit },
              );
          for (let k = 1; k < points.length; k++) {
            const shape = segment(points[k - 1], points[k], wire);
            const glow = 0.55 + 0.25 * Math.sin((k / 12) * Math.PI);
            fill(canvas, shape, metal, {
              shade: (x, y, d) =>
                (front ? 1 : 0.5) *
                (glow +
                  0.75 * Math.max(0, -d / wire) ** 1 +
                  0.03 * (grain[Math.max(0, Math.min(grain.length - 1, Math.round(y) * width + Math.round(x)))] ?? 0)),
            });
          }
        }
      }
      return canvas;
    };
  },
};

/** A tray of small stamped parts in rows. */
export const washerTray: Maker = {
  category: 'object',
  build(p, frame) {
    const { width, height, unit } = frame;
    const ground = backdrop(p, frame, backdropColour(p));
    const metal = p.chance(0.7) ? metalColour(p, 0.4, 0.9) : anyColour(p, 0.3, 0.9);
    const columns = p.int(3, 7);
    const rows = Math.max(2, Math.round((columns * height) / width));
    const radius = (Math.min(width / columns, height / rows) / 2) * p.uniform(0.6, 0.85);
    const bore = p.uniform(0.3, 0.6);
    const notched = p.chance(0.4);
    const turnFree = p.chance(0.5);
    return (r) => {
      const canvas = cloneCanvas(ground);
      const floor: Colour = [ground.data[0] * 0.7, ground.data[1] * 0.7, ground.data[2] * 0.7];
      for (let a = 0; a < rows; a++) {
        for (let b = 0; b < columns; b++) {
          const x = ((b + 0.5) / columns) * width + r.normal() * 1.5 * unit;
          const y = ((a + 0.5) / rows) * height + r.normal() * 1.5 * unit;
          const t = turnFree ? r.uniform(0, 6.28) : r.normal() * 0.05;
          const sheen = r.uniform(0, 3.14);
          fill(canvas, disc(x + 4 * unit, y + 5 * unit, radius), [0, 0, 0], { opacity: 0.4, softness: 5 * unit });
          fill(canvas, disc(x, y, radius), metal, {
            shade: (u, v, d) =>
              0.75 +
              0.2 * Math.cos(2 * (Math.atan2(v - y, u - x) - sheen)) +
              (d > -2.5 * unit ? 0.15 * Math.cos(Math.atan2(v - y, u - x) + 2.3) : 0),
          });
          fill(canvas, disc(x, y, radius * bore), floor);
          fill(canvas, ring(x, y, radius * bore + unit, 2 * unit), scaleColour(metal, 0.55), { opacity: 0.7 });
          if (notched)
            fill(
              canvas,
              roundedBox(x + Math.cos(t) * radius, y + Math.sin(t) * radius, radius * 0.4, radius * 0.25, 2, t),
              floor,
            );
        }
      }
      multiply(canvas, normalPlane(r, width * height), 0.006);
      return canvas;
    };
  },
};
