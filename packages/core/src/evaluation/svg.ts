/** Small line charts as inline SVG: axes, grid, quartile bands and legend, coloured by the page's CSS variables. */
import { escapeHtml } from './page.ts';
import type { CurvePoint } from './pixel-metrics.ts';

/** One curve of a chart. */
export interface Series {
  readonly name: string;
  readonly points: readonly CurvePoint[];
  /** An area around the curve, such as between quartiles. */
  readonly band?: readonly { readonly x: number; readonly low: number; readonly high: number }[];
  /** Draws a dot at every point, for curves of a few measured values. */
  readonly dots?: boolean;
}

export interface Axis {
  readonly label: string;
  readonly min: number;
  readonly max: number;
  /** Where labels and grid lines go; round values by default. */
  readonly ticks?: readonly number[];
}

export interface LineChart {
  readonly title: string;
  /** What the curves show, for readers who do not see them. */
  readonly description: string;
  readonly x: Axis;
  readonly y: Axis;
  readonly series: readonly Series[];
}

const WIDTH = 440;
const HEIGHT = 300;
const FRAME = { left: 50, right: 12, top: 42, bottom: 46 };
const LEGEND_LETTER = 7.2; // mean width of a 12 px letter, to space the legend

/** About `count` round values from min to max: steps of 1, 2 or 5 times a power of ten. */
export function roundTicks(min: number, max: number, count = 5): number[] {
  const rough = (max - min) / count;
  if (!(rough > 0) || !Number.isFinite(rough)) return [min];
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = ([1, 2, 5, 10].find((factor) => factor * power >= rough * 0.999) as number) * power;
  const first = Math.ceil(min / step - 1e-9);
  const last = Math.floor(max / step + 1e-9);
  return Array.from({ length: last - first + 1 }, (_, i) => Number(((first + i) * step).toPrecision(12)));
}

const short = (value: number) => Number(value.toFixed(1)).toString();

/** The chart as one `<svg>` element; `.chart` and `--series-1…4` come from the page's style. */
export function lineChart({ title, description, x, y, series }: LineChart): string {
  const plotWidth = WIDTH - FRAME.left - FRAME.right;
  const plotHeight = HEIGHT - FRAME.top - FRAME.bottom;
  const px = (value: number) => FRAME.left + ((value - x.min) / (x.max - x.min || 1)) * plotWidth;
  const py = (value: number) => FRAME.top + (1 - (value - y.min) / (y.max - y.min || 1)) * plotHeight;
  const at = (point: CurvePoint) => `${short(px(point.x))},${short(py(point.y))}`;
  const parts: string[] = [];
  for (const tick of y.ticks ?? roundTicks(y.min, y.max)) {
    const where = short(py(tick));
    parts.push(`<line class="grid" x1="${FRAME.left}" x2="${WIDTH - FRAME.right}" y1="${where}" y2="${where}"/>`);
    parts.push(`<text class="tick" x="${FRAME.left - 8}" y="${where}" text-anchor="end" dy=".35em">${tick}</text>`);
  }
  for (const tick of x.ticks ?? roundTicks(x.min, x.max)) {
    const where = short(px(tick));
    const bottom = HEIGHT - FRAME.bottom;
    parts.push(`<line class="grid" x1="${where}" x2="${where}" y1="${FRAME.top}" y2="${bottom}"/>`);
    parts.push(`<text class="tick" x="${where}" y="${bottom + 18}" text-anchor="middle">${tick}</text>`);
  }
  series.forEach(({ points, band, dots }, i) => {
    const colour = `s${(i % 4) + 1}`;
    if (band) {
      const edge = [
        ...band.map((b) => at({ x: b.x, y: b.high })),
        ...band.map((b) => at({ x: b.x, y: b.low })).reverse(),
      ];
      parts.push(`<polygon class="band ${colour}" points="${edge.join(' ')}"/>`);
    }
    parts.push(`<polyline class="curve ${colour}" points="${points.map(at).join(' ')}"/>`);
    if (dots)
      for (const point of points)
        parts.push(`<circle class="dot ${colour}" cx="${short(px(point.x))}" cy="${short(py(point.y))}" r="3.5"/>`);
  });
  const middle = FRAME.left + plotWidth / 2;
  const centre = FRAME.top + plotHeight / 2;
  return `<svg class="chart" viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${escapeHtml(`${title}. ${description}`)}">
<text class="chart-title" x="${FRAME.left}" y="16">${escapeHtml(title)}</text>
${legend(series)}
${parts.join('\n')}
<text class="axis" x="${middle}" y="${HEIGHT - 10}" text-anchor="middle">${escapeHtml(x.label)}</text>
<text class="axis" transform="translate(14 ${centre}) rotate(-90)" text-anchor="middle">${escapeHtml(y.label)}</text>
</svg>`;
}

/** Names of the curves right of the title; a single curve without a band needs none. */
function legend(series: readonly Series[]): string {
  if (series.length < 2 && !series[0]?.band) return '';
  let right = WIDTH - FRAME.right;
  const entries = series.map(({ name }, i) => ({ name, colour: `s${(i % 4) + 1}` })).reverse();
  return entries
    .map(({ name, colour }) => {
      const text = `<text class="legend" x="${short(right)}" y="32" text-anchor="end">${escapeHtml(name)}</text>`;
      right -= name.length * LEGEND_LETTER + 6;
      const line = `<line class="curve ${colour}" x1="${short(right - 20)}" x2="${short(right)}" y1="28" y2="28"/>`;
      right -= 34;
      return line + text;
    })
    .join('');
}
