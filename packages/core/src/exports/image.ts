/** `@adclick/core/image`: files of pictures and masks, samples of any depth and the windows they are seen through, and what is drawn on pictures. */
export {
  alikeNumbers,
  type DecodedImage,
  decodeImage,
  decodeMask,
  encodeJpeg,
  encodeMask,
  encodePng,
  imageSize,
  pictureNotes,
  readImageSize,
} from '../image/codec.ts';
export { connectedComponents } from '../image/components.ts';
export { drawHeat, drawOverlay } from '../image/draw.ts';
export { encodeIndexedPng } from '../image/indexed-png.ts';
export { resizeMask, resizePlane, resizeRgb } from '../image/resize.ts';
export { learnWindows, type Span, spanOf, writtenWindow } from '../image/samples.ts';
export { readUprightSize } from '../image/upright-size.ts';
export { isDeep, ownWindow, toRgb } from '../image/window.ts';
export { residualNorm } from '../residual/norm.ts';
