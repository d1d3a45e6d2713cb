/** The residual map as colours: dark where a place looks as good pictures do, bright where it does not. */

/** Levels of grey that the server gives a unit of the residual's norm; 0.7 is what good pictures show among themselves. */
const LEVELS_A_UNIT = 128;
/** Norm of the darkest and the brightest colour. */
const RANGE = { low: 0.7, high: 1.6 } as const;

/** Nine even steps of Matplotlib's inferno (CC0). */
const INFERNO = [
  [0, 0, 4],
  [31, 12, 72],
  [85, 15, 109],
  [136, 34, 106],
  [186, 54, 85],
  [227, 89, 51],
  [249, 140, 10],
  [249, 201, 50],
  [252, 255, 164],
] as const;

/** Colour of a grey level 0–255 of the server's map. */
export function heatColour(level: number): readonly [number, number, number] {
  const norm = level / LEVELS_A_UNIT;
  return colourShare((norm - RANGE.low) / (RANGE.high - RANGE.low));
}

/** Colour of a value; 0 and less is the darkest, 1 and more the brightest. */
export function colourShare(value: number): readonly [number, number, number] {
  const share = Math.min(1, Math.max(0, value));
  const place = share * (INFERNO.length - 1);
  const step = Math.min(Math.floor(place), INFERNO.length - 2);
  const mix = (c: 0 | 1 | 2) =>
    Math.round(INFERNO[step][c] + (INFERNO[step + 1][c] - INFERNO[step][c]) * (place - step));
  return [mix(0), mix(1), mix(2)];
}

/** Colours a map in place. @param rgba grey levels, four bytes a pixel. */
export function colourHeat(rgba: Uint8ClampedArray): void {
  const palette = Array.from({ length: 256 }, (_, level) => heatColour(level));
  for (let i = 0; i < rgba.length; i += 4) {
    const [red, green, blue] = palette[rgba[i]];
    rgba[i] = red;
    rgba[i + 1] = green;
    rgba[i + 2] = blue;
  }
}
