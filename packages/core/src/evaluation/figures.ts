/** Pictures for reports: the image inlined as JPEG, masks as vector contours, clicks as marks. */
import type { Click } from '../clicks/types.ts';
import { encodeJpeg } from '../image/codec.ts';
import type { Box } from '../image/components.ts';
import { traceContours } from '../image/contours.ts';
import { clampBox, cropRgb } from '../image/crop.ts';
import { imagePoint, toEdges } from '../image/points.ts';
import { resizeRgb } from '../image/resize.ts';
import type { Mask, RgbImage } from '../image/types.ts';
import { escapeHtml } from './page.ts';

/** The contours of the pixels that are 1 as data of an SVG path, in pixel edges: outer ones clockwise, holes counter-clockwise. */
export function contourPath({ data, width, height }: Mask): string {
  const ones = data.map((value) => (value === 1 ? 1 : 0));
  let path = '';
  for (const ring of traceContours(ones, width, height)) {
    path += `M${ring[0]} ${ring[1]}`;
    for (let i = 2; i < ring.length; i += 2)
      path += ring[i + 1] === ring[i - 1] ? `h${ring[i] - ring[i - 2]}` : `v${ring[i + 1] - ring[i - 1]}`;
    path += 'z';
  }
  return path;
}

/** What {@link maskFigure} draws. */
export interface MaskFigure {
  readonly image: RgbImage;
  /** What the picture shows, for readers who do not see it. */
  readonly alt: string;
  /** HTML below the picture; escape what comes from users. */
  readonly caption?: string;
  readonly truth?: Mask;
  readonly predicted?: Mask;
  readonly clicks?: readonly Click[];
  /** Shows this part only. */
  readonly box?: Box;
}

/** Longer side of inlined pictures in pixels; larger ones are shrunk. */
const MAX_SIDE = 720;

/** Bytes as a `data:` address. */
export const dataUri = (bytes: Uint8Array, type: 'image/jpeg' | 'image/png'): string =>
  `data:${type};base64,${Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('base64')}`;

/** A `<figure>`: picture, true contour (dashed), predicted contour (filled), clicks with their sign. */
export async function maskFigure({
  image,
  alt,
  caption,
  truth,
  predicted,
  clicks = [],
  box,
}: MaskFigure): Promise<string> {
  const view = box ?? { x: 0, y: 0, width: image.width, height: image.height };
  const part = box ? cropRgb(image, box) : image;
  const scale = Math.min(1, MAX_SIDE / Math.max(part.width, part.height));
  const size = (side: number) => Math.max(1, Math.round(side * scale));
  const shown = scale < 1 ? resizeRgb(part, size(part.width), size(part.height)) : part;
  const href = dataUri(await encodeJpeg(shown, 85), 'image/jpeg');
  const contour = (kind: string, mask?: Mask) => (mask ? `<path class="${kind}" d="${contourPath(mask)}"/>` : '');
  const radius = Math.sqrt(view.width * view.height) / 40;
  return `<figure><svg viewBox="${view.x} ${view.y} ${view.width} ${view.height}" role="img" aria-label="${escapeHtml(alt)}">
<image href="${href}" x="${view.x}" y="${view.y}" width="${view.width}" height="${view.height}" preserveAspectRatio="none"/>
${contour('predicted', predicted)}${contour('truth', truth)}
${clicks.map((click, i) => clickMark(click, i + 1, radius)).join('')}</svg>${caption ? `<figcaption>${caption}</figcaption>` : ''}</figure>`;
}

function clickMark({ x, y, positive }: Click, number: number, radius: number): string {
  const centre = toEdges(imagePoint(x, y));
  const arm = radius * 0.55;
  const n = (value: number) => Number(value.toFixed(2)).toString();
  const sign = `M${n(-arm)} 0H${n(arm)}${positive ? `M0 ${n(-arm)}V${n(arm)}` : ''}`;
  const kind = positive ? 'positive' : 'negative';
  return `<g class="click ${kind}" transform="translate(${centre.x} ${centre.y})"><title>Click ${number}, ${kind}, at ${x}, ${y}</title><circle r="${n(radius)}" stroke-width="${n(radius / 5)}"/><path d="${sign}" stroke-width="${n(radius / 3.5)}"/></g>`;
}

/** What the marks in figures mean. */
export const FIGURE_KEY = `<ul class="key">
<li><svg viewBox="0 0 22 12" aria-hidden="true"><rect class="predicted" x="1" y="1" width="20" height="10"/></svg>mask from clicks</li>
<li><svg viewBox="0 0 22 12" aria-hidden="true"><rect class="truth" x="1" y="1" width="20" height="10"/></svg>true mask</li>
<li><svg viewBox="0 0 22 12" aria-hidden="true">${clickMark({ x: 10.5, y: 5.5, positive: true }, 0, 5).replace(/<title>.*?<\/title>/, '')}</svg>click on the defect</li>
<li><svg viewBox="0 0 22 12" aria-hidden="true">${clickMark({ x: 10.5, y: 5.5, positive: false }, 0, 5).replace(/<title>.*?<\/title>/, '')}</svg>click on good surface</li>
</ul>`;

/** Least side of a detail in pixels, and its size over that of the masks it shows. */
const DETAIL_SIDE = 64;
const DETAIL_MARGIN = 1.6;

/** A region of an image around everything that masks mark, with some surroundings; nothing when they mark most of it. */
export function detailBox(masks: readonly Mask[]): Box | undefined {
  const { width, height } = masks[0];
  let [left, top, right, bottom] = [width, height, -1, -1];
  for (const { data } of masks)
    for (let i = 0; i < data.length; i++) {
      if (data[i] !== 1) continue;
      const [x, y] = [i % width, Math.floor(i / width)];
      left = Math.min(left, x);
      right = Math.max(right, x);
      top = Math.min(top, y);
      bottom = Math.max(bottom, y);
    }
  if (right < 0) return undefined;
  const side = Math.max(DETAIL_SIDE, DETAIL_MARGIN * Math.max(right - left + 1, bottom - top + 1));
  const box = { x: (left + right + 1 - side) / 2, y: (top + bottom + 1 - side) / 2, width: side, height: side };
  const inside = clampBox(box, width, height);
  return inside.width * inside.height > (width * height) / 3 ? undefined : inside;
}
