/** What the network sees of clicks, computed without learning (ours): discs of pixels, eight planes a token, likeness of colour. */
import { cellOf, TOKEN_STRIDE } from '../features/grid.ts';
import { CLICK_CHANNELS, CLICK_PLANES, LIKENESS } from '../networks/adclick.ts';
import { calibrated } from '../residual/calibration.ts';
import type { Residual } from '../residual/reference-index.ts';
import { DISC_RADIUS, type DiscRadii, overDisc } from './disc.ts';
import type { ModelClick } from './types.ts';

/** Widths of the two Gaussians around clicks, in tokens. */
const SIGMAS = [3, 10] as const;

/** Discs of our own network. */
const OWN_RADII: DiscRadii = { positive: DISC_RADIUS, negative: DISC_RADIUS };

/** Draws a click's disc into an interleaved click map (height, width, {@link CLICK_CHANNELS}). */
export function drawDisc(
  clickMap: Float32Array,
  width: number,
  height: number,
  click: ModelClick,
  radii: DiscRadii = OWN_RADII,
): void {
  const channel = click.positive ? 1 : 2;
  overDisc(click, click.positive ? radii.positive : radii.negative, { width, height }, (pixel) => {
    clickMap[pixel * CLICK_CHANNELS + channel] = 1;
  });
}

/** What {@link TokenInputs} needs of a residual. */
export type TokenResidual = Pick<Residual, 'height' | 'width' | 'dims' | 'delta' | 'tokens' | 'calibration'>;

/** Divides every row of a (rows, dims) matrix by its length, in place. */
function normaliseRows(matrix: Float32Array, dims: number): void {
  for (let at = 0; at < matrix.length; at += dims) {
    let sum = 0;
    for (let d = 0; d < dims; d++) sum += matrix[at + d] ** 2;
    const scale = 1 / Math.max(Math.sqrt(sum), 1e-6);
    for (let d = 0; d < dims; d++) matrix[at + d] *= scale;
  }
}

/**
 * Dot product of row `of` with every row of a (rows, dims) matrix. Four rows at once: a sum waits for its last addition, four of
 * them do not wait for each other.
 */
function similarities(matrix: Float32Array, dims: number, of: number): Float64Array {
  const out = new Float64Array(matrix.length / dims);
  const row = matrix.subarray(of * dims, (of + 1) * dims);
  const last = matrix.length - dims;
  for (let cell = 0; cell < out.length; cell += 4) {
    const a = cell * dims;
    // Past the end the last row is taken again, and what it gives goes nowhere.
    const b = Math.min(a + dims, last);
    const c = Math.min(b + dims, last);
    const e = Math.min(c + dims, last);
    let first = 0;
    let second = 0;
    let third = 0;
    let fourth = 0;
    for (let d = 0; d < dims; d++) {
      const value = row[d];
      first += matrix[a + d] * value;
      second += matrix[b + d] * value;
      third += matrix[c + d] * value;
      fourth += matrix[e + d] * value;
    }
    out[cell] = first;
    out[cell + 1] = second;
    out[cell + 2] = third;
    out[cell + 3] = fourth;
  }
  return out;
}

/**
 * The network's token inputs for one picture: calibrated residual, written once, and click planes, updated by a
 * click in about a millisecond.
 */
export class TokenInputs {
  /** log(1 + r²/c), (height·width, dims). */
  readonly residual: Float32Array;
  /** (height·width, {@link CLICK_PLANES}). */
  readonly clickPlanes: Float32Array;
  /** Residuals in units of what is normal, each of length 1; see {@link TokenInputs.prepare}. */
  private whitened: Float32Array | undefined;
  private readonly features: Float32Array;
  /** Each Gaussian by squared distance. */
  private readonly gaussians: readonly Float64Array[];

  /** @param gain factor on r²/c, 1 but in training, where it varies the strength of residuals. */
  constructor(
    private readonly of: TokenResidual,
    gain = 1,
  ) {
    const { height, width, dims, delta, tokens, calibration } = of;
    this.residual = calibrated(delta, calibration, gain);
    this.clickPlanes = new Float32Array(height * width * CLICK_PLANES);
    this.features = tokens.slice();
    normaliseRows(this.features, dims);
    const length = (height - 1) ** 2 + (width - 1) ** 2 + 1;
    this.gaussians = SIGMAS.map((sigma) =>
      new Float64Array(length).map((_, distance2) => Math.exp(-distance2 / (2 * sigma ** 2))),
    );
  }

  /** Descriptors of the frozen backbone, each of length 1, (height·width, dims). */
  get descriptors(): Float32Array {
    return this.features;
  }

  /** Makes what clicks are compared by, once, so that the first click does not have to. */
  prepare(): Float32Array {
    if (this.whitened) return this.whitened;
    const { dims, delta, calibration } = this.of;
    const root = calibration.map((c) => Math.sqrt(1 / c));
    const whitened = new Float32Array(delta.length);
    for (let at = 0; at < delta.length; at += dims)
      for (let d = 0; d < dims; d++) whitened[at + d] = delta[at + d] * root[d];
    normaliseRows(whitened, dims);
    this.whitened = whitened;
    return whitened;
  }

  /** Forgets all clicks. */
  clear(): void {
    this.clickPlanes.fill(0);
  }

  /** Adds a click given in pixels of the model grid. */
  add(click: ModelClick): void {
    const { height, width, dims } = this.of;
    const { x, y } = cellOf(click);
    const clicked = y * width + x;
    const byResidual = similarities(this.prepare(), dims, clicked);
    const byFeatures = similarities(this.features, dims, clicked);
    const [near, far] = this.gaussians;
    for (let v = 0, cell = 0, at = click.positive ? 0 : 1; v < height; v++)
      for (let u = 0; u < width; u++, cell++, at += CLICK_PLANES) {
        const distance2 = (u - x) ** 2 + (v - y) ** 2;
        this.raise(at, near[distance2]);
        this.raise(at + 2, far[distance2]);
        this.raise(at + 4, byResidual[cell]);
        this.raise(at + 6, byFeatures[cell]);
      }
  }

  /** Largest cosine of a place's residual to those under positive clicks, in [0,1]. @param pixel of the model grid, row-major. */
  likenessOf(pixel: number): number {
    const { width } = this.of;
    const row = Math.floor(pixel / (width * TOKEN_STRIDE ** 2));
    const column = Math.floor((pixel % (width * TOKEN_STRIDE)) / TOKEN_STRIDE);
    return this.clickPlanes[(row * width + column) * CLICK_PLANES + 4];
  }

  /**
   * Keeps the larger of a plane's value and a new one. Cosines below zero stay zero: unlike is unlike (the planes
   * start at zero, so a plane without clicks says nothing).
   */
  private raise(at: number, value: number): void {
    if (value > this.clickPlanes[at]) this.clickPlanes[at] = value;
  }
}

/** Squared distance of normalised colours (mean over channels) at which likeness is one half. */
const HALF_LIKENESS = 0.1;

/** The network's pixel inputs for one picture: its colours, and how alike each pixel is to those under positive and negative clicks. */
export class PixelInputs {
  /** To positive and to negative clicks, 0 to 1, ({@link LIKENESS}, height, width). */
  readonly likeness: Float32Array;

  constructor(
    /** Normalised colours, (3, height, width). */
    readonly colours: Float32Array,
    private readonly width: number,
    private readonly height: number,
  ) {
    this.likeness = new Float32Array(LIKENESS * width * height);
  }

  /** Forgets all clicks. */
  clear(): void {
    this.likeness.fill(0);
  }

  /** Adds a click given in pixels of the model grid; its colour is the mean of the 3×3 pixels around it. */
  add({ x, y, positive }: ModelClick): void {
    const { colours, likeness, width, height } = this;
    const area = width * height;
    const colour = [0, 0, 0];
    let count = 0;
    for (let v = Math.max(0, y - 1); v <= Math.min(height - 1, y + 1); v++)
      for (let u = Math.max(0, x - 1); u <= Math.min(width - 1, x + 1); u++, count++)
        for (let c = 0; c < 3; c++) colour[c] += colours[c * area + v * width + u];
    const [r, g, b] = colour.map((sum) => sum / count) as [number, number, number];
    const alike = new Float32Array(width);
    // Floats from 0 on are in the order of their bits, of which the larger is taken without a branch: between two clicks on one material
    // every other pixel would be guessed wrong.
    const [bits, most] = [new Int32Array(alike.buffer), new Int32Array(likeness.buffer)];
    for (let row = 0; row < area; row += width) {
      for (let u = 0, at = row; u < width; u++, at++) {
        const dr = colours[at] - r;
        const dg = colours[area + at] - g;
        const db = colours[2 * area + at] - b;
        alike[u] = HALF_LIKENESS / (HALF_LIKENESS + (dr * dr + dg * dg + db * db) / 3);
      }
      for (let u = 0, at = positive ? row : area + row; u < width; u++, at++) {
        const gain = bits[u] - most[at];
        most[at] = most[at] + (gain & ~(gain >> 31));
      }
    }
  }
}
