/** The residual map as colours: dark where a place looks as good pictures do, bright where it does not. */
import { type Colour, heatColour } from '@adclick/core/geometry';

/** Levels of grey that the server gives a unit of the residual's norm; 0.7 is what good pictures show among themselves. */
const LEVELS_A_UNIT = 128;
/** Norm of the darkest and the brightest colour. */
const RANGE = { low: 0.7, high: 1.6 } as const;

/** Colour of a grey level 0–255 of the server's map. */
export function residualColour(level: number): Colour {
  const norm = level / LEVELS_A_UNIT;
  return heatColour((norm - RANGE.low) / (RANGE.high - RANGE.low));
}

/** Colours a map in place. @param rgba grey levels, four bytes a pixel. */
export function colourHeat(rgba: Uint8ClampedArray): void {
  const palette = Array.from({ length: 256 }, (_, level) => residualColour(level));
  for (let i = 0; i < rgba.length; i += 4) {
    const [red, green, blue] = palette[rgba[i]];
    rgba[i] = red;
    rgba[i + 1] = green;
    rgba[i + 2] = blue;
  }
}
