/** `@adclick/core/geometry`: points, contours, holes, run lengths and heat colours. Pure: it runs in browsers too. */
export { fillRings, type Ring, simplifyRing, traceBridged, traceContours } from '../image/contours.ts';
export { type Colour, heatColour } from '../image/heat.ts';
export { holesOf } from '../image/holes.ts';
export {
  type EdgePoint,
  edgePoint,
  fromEdges,
  type GivenPoint,
  type ImageBox,
  type ImagePoint,
  imagePoint,
  type PointIn,
  pixelOf,
  pointIn,
  toEdges,
} from '../image/points.ts';
export { decodeRle, encodeRle, type Rle, rleArea, xorRle } from '../image/rle.ts';
