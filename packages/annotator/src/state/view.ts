/** Where the picture lies on the screen: zoom, pan and fit as pure functions. */
import { edgePoint, fromEdges, type ImagePoint, toEdges } from '@adclick/core/geometry';
import { type Box, clamp, clipBox, type ScreenPoint, type Size, screenPoint } from '../geometry.ts';

/** Screen = edges of the picture × `scale` + offset, in CSS pixels. */
export interface View {
  /** CSS pixels a picture pixel. */
  readonly scale: number;
  readonly x: number;
  readonly y: number;
}

export const ZOOM = { least: 0.02, most: 64, step: 1.25 } as const;

/** Space left around a fitted picture, CSS pixels. */
const MARGIN = 24;

export function toScreen(view: View, point: ImagePoint): ScreenPoint {
  const { x, y } = toEdges(point);
  return screenPoint(x * view.scale + view.x, y * view.scale + view.y);
}

export const toImage = (view: View, point: ScreenPoint): ImagePoint =>
  fromEdges(edgePoint((point.x - view.x) / view.scale, (point.y - view.y) / view.scale));

/** The whole picture, centred; small pictures are enlarged to whole factors so that pixels stay square. */
export function fitView(picture: Size, screen: Size): View {
  const room = Math.min((screen.width - 2 * MARGIN) / picture.width, (screen.height - 2 * MARGIN) / picture.height);
  const wanted = room >= 2 ? Math.floor(room) : room >= 1 ? 1 : room;
  return centred(picture, screen, clamp(wanted, ZOOM.least, ZOOM.most));
}

/** The picture's middle in the middle of the screen at a scale. */
export function centred(picture: Size, screen: Size, scale: number): View {
  return {
    scale,
    x: Math.round((screen.width - picture.width * scale) / 2),
    y: Math.round((screen.height - picture.height * scale) / 2),
  };
}

/** Another scale, with the picture place under `anchor` staying where it is. */
export function zoomTo(view: View, anchor: ScreenPoint, scale: number): View {
  const wanted = clamp(scale, ZOOM.least, ZOOM.most);
  const factor = wanted / view.scale;
  return { scale: wanted, x: anchor.x - (anchor.x - view.x) * factor, y: anchor.y - (anchor.y - view.y) * factor };
}

export const panBy = (view: View, dx: number, dy: number): View => ({ ...view, x: view.x + dx, y: view.y + dy });

/** Keeps at least a corner of the picture in sight. */
export function keepInSight(view: View, picture: Size, screen: Size): View {
  const least = 48;
  return {
    scale: view.scale,
    x: clamp(view.x, least - picture.width * view.scale, screen.width - least),
    y: clamp(view.y, least - picture.height * view.scale, screen.height - least),
  };
}

/** Moves the view as little as needed to show a place. */
export function reveal(view: View, point: ImagePoint, screen: Size): View {
  const { x, y } = toScreen(view, point);
  const margin = Math.min(40, screen.width / 4, screen.height / 4);
  const dx = x < margin ? margin - x : x > screen.width - margin ? screen.width - margin - x : 0;
  const dy = y < margin ? margin - y : y > screen.height - margin ? screen.height - margin - y : 0;
  return dx === 0 && dy === 0 ? view : panBy(view, dx, dy);
}

/** Whole picture pixels that are in sight. */
export function visibleBox(view: View, picture: Size, screen: Size): Box {
  return clipBox(
    {
      left: Math.floor(-view.x / view.scale),
      top: Math.floor(-view.y / view.scale),
      right: Math.ceil((screen.width - view.x) / view.scale),
      bottom: Math.ceil((screen.height - view.y) / view.scale),
    },
    picture,
  );
}

/** The pyramid level (0: full size, k: 2^k times smaller) with at least one level pixel a device pixel. */
export function levelFor(devicePixelsPerImagePixel: number, levels: number): number {
  const level = Math.floor(-Math.log2(devicePixelsPerImagePixel) + 1e-6);
  return clamp(level, 0, levels - 1);
}
