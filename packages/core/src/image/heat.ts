/** The colours of maps: one scale for reports, figures and the page. Pure: the page uses it too. */

export type Colour = readonly [red: number, green: number, blue: number];

/** Nine even steps of Matplotlib's inferno (CC0), dark to bright and readable in grey. */
const INFERNO: readonly Colour[] = [
  [0, 0, 4],
  [31, 12, 72],
  [85, 15, 109],
  [136, 34, 106],
  [186, 54, 85],
  [227, 89, 51],
  [249, 140, 10],
  [249, 201, 50],
  [252, 255, 164],
];

/** Colour of a value in [0,1] on the inferno scale; values outside take the end colours. */
export function heatColour(value: number): Colour {
  const place = Math.min(Math.max(value, 0), 1) * (INFERNO.length - 1) || 0;
  const step = Math.min(Math.floor(place), INFERNO.length - 2);
  const share = place - step;
  const [low, high] = [INFERNO[step], INFERNO[step + 1]];
  const mix = (c: 0 | 1 | 2) => Math.round(low[c] + (high[c] - low[c]) * share);
  return [mix(0), mix(1), mix(2)];
}
