/** The picture types that every room of core shares. Row-major, channels interleaved, (0,0) top left. */

/** Any raster: `data[(y * width + x) * channels + c]`. */
export interface Pixels<
  Data extends Uint8Array | Uint16Array | Float32Array = Uint8Array | Uint16Array | Float32Array,
> {
  readonly data: Data;
  readonly width: number;
  readonly height: number;
  readonly channels: number;
}

/** An upright 8-bit RGB picture, the only kind that models see. */
export interface RgbImage extends Pixels<Uint8Array> {
  readonly channels: 3;
}

/** A one-channel float map, such as a probability or a residual norm. */
export interface Plane extends Pixels<Float32Array> {
  readonly channels: 1;
}

/** A binary mask: 1 defect, 0 good, {@link IGNORE} neither counted nor trained on. */
export interface Mask extends Pixels<Uint8Array> {
  readonly channels: 1;
}

/** Mask value of pixels that are left out of losses, clicks and metrics. */
export const IGNORE = 255;
