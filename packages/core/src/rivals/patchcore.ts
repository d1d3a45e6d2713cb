/**
 * PatchCore (Roth et al., CVPR 2022; patchcore-inspection, src/patchcore/patchcore.py, common.py): the distance of each descriptor to the nearest of
 * a bank that stands for all descriptors of the good pictures; and SemiREST's code of places in them.
 */
import { TOKEN_STRIDE } from '../features/grid.ts';
import { gaussianBlur } from '../image/blur.ts';
import { resizePlane } from '../image/resize.ts';
import type { Plane, RgbImage } from '../image/types.ts';
import { Random } from '../random.ts';
import type { Described, ReferenceIndex } from '../residual/reference-index.ts';
import { greedyCoreset } from './greedy-coreset.ts';
import { type HeldRows, Nearest } from './nearest.ts';
import { placeCode } from './place-code.ts';

/** What can be set; the defaults are those of its own code. */
export interface PatchCoreSettings {
  /** Share of the good pictures' descriptors that the bank keeps. */
  readonly share?: number;
  /** Channels that descriptors are projected to, by a random matrix, for choosing them. */
  readonly projected?: number;
  /** Random descriptors whose distances say where choosing begins. */
  readonly starts?: number;
  /** Descriptors that the bank is chosen among: of more, so many are drawn. Memory goes by it. */
  readonly most?: number;
  /** Standard deviation of the Gaussian that smooths the map, pixels of the model grid. */
  readonly sigma?: number;
  /** Weight of {@link placeCode} on top of each descriptor (SemiREST); default 0, none. */
  readonly place?: number;
  readonly seed?: number;
  readonly onProgress?: (progress: { readonly label: string; readonly done: number; readonly total: number }) => void;
  readonly signal?: AbortSignal;
}

/** Cells around a cell whose mean is its descriptor. */
const REACH = 1;

/** Chosen descriptors that others are compared with at once: between two looks at all of them some fifty are chosen. */
const CHOSEN = 128;

/** Tokens of a picture. */
type Tokens = Pick<Described, 'tokens' | 'height' | 'width' | 'dims'>;

/** Means of neighbouring tokens, of those that there are: (h * w, dims) -> (h * w, channels), the first channels of each. */
export function localMeans({ tokens, height, width, dims }: Tokens, channels: number): Float32Array {
  const out = new Float32Array(height * width * channels);
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      const to = (y * width + x) * channels;
      let count = 0;
      for (let v = Math.max(0, y - REACH); v <= Math.min(height - 1, y + REACH); v++)
        for (let u = Math.max(0, x - REACH); u <= Math.min(width - 1, x + REACH); u++, count++)
          for (let c = 0, from = (v * width + u) * dims; c < channels; c++) out[to + c] += tokens[from + c];
      for (let c = 0; c < channels; c++) out[to + c] /= count;
    }
  return out;
}

/** A random matrix (inputs, outputs) as PyTorch begins a linear layer: even numbers up to 1/√inputs. */
function projection(inputs: number, outputs: number, random: Random): Float32Array {
  const reach = 1 / Math.sqrt(inputs);
  return Float32Array.from({ length: inputs * outputs }, () => random.uniform(-reach, reach));
}

/** Rows through a matrix: (n, inputs) · (inputs, outputs), into `out` from a row on. */
function project(rows: Float32Array, matrix: Float32Array, inputs: number, out: Float32Array, at: number): void {
  const outputs = matrix.length / inputs;
  for (let row = 0; row < rows.length / inputs; row++) {
    const to = (at + row) * outputs;
    for (let i = 0; i < inputs; i++) {
      const value = rows[row * inputs + i];
      for (let o = 0, from = i * outputs; o < outputs; o++, from++) out[to + o] += value * matrix[from];
    }
  }
}

/** Numbers of the descriptors that take part, ascending: all, or so many drawn without repetition. */
function drawn(total: number, most: number, random: Random): Int32Array {
  if (total <= most) return Int32Array.from({ length: total }, (_, i) => i);
  const places = new Int32Array(most);
  // One pass: each of those that are left is taken with the chance that is left.
  for (let i = 0, taken = 0; taken < most; i++) if (random.next() * (total - i) < most - taken) places[taken++] = i;
  return places;
}

/** What PatchCore makes of pictures. */
class Describer {
  /** Channels of a descriptor. */
  readonly dims: number;
  /** Descriptors of a picture. */
  readonly cells: number;
  /** Pooled descriptors are means over neighbours already. */
  private readonly isPooled: boolean;
  private readonly code: Float32Array | undefined;

  constructor(
    readonly index: ReferenceIndex,
    private readonly place: number,
  ) {
    const { extractor, grid } = index;
    const size = { height: grid.height / TOKEN_STRIDE, width: grid.width / TOKEN_STRIDE };
    this.dims = extractor.matched;
    this.cells = size.height * size.width;
    this.isPooled = extractor.backbone.descriptor.kind === 'pooled';
    this.code = place > 0 ? placeCode(size, this.dims) : undefined;
  }

  /** Descriptors (h * w, dims). */
  async describe(picture: RgbImage): Promise<Pick<Described, 'height' | 'width'> & { readonly rows: Float32Array }> {
    const { code, place, dims } = this;
    const described = await this.index.describe(picture);
    const rows = this.isPooled ? described.tokens.slice() : localMeans(described, dims);
    if (code) for (let i = 0; i < rows.length; i++) rows[i] += place * code[i];
    return { rows, height: described.height, width: described.width };
  }

  /**
   * Goes over the good pictures, of which each descriptor has a number in all.
   * @param numbers of those that are wanted, ascending. @param take is given some of them, and the place of the first among all that are wanted.
   */
  async each(
    numbers: Int32Array,
    take: (rows: Float32Array, at: number) => void,
    { label, onProgress, signal }: Pick<PatchCoreSettings, 'onProgress' | 'signal'> & { readonly label: string },
  ): Promise<void> {
    const { index, cells, dims } = this;
    const { names } = index;
    let at = 0;
    for (const [picture, name] of names.entries()) {
      signal?.throwIfAborted();
      let to = at;
      while (to < numbers.length && numbers[to] < (picture + 1) * cells) to++;
      if (to > at) {
        const { rows } = await this.describe(await index.picture(name));
        const own = new Float32Array((to - at) * dims);
        for (let i = at; i < to; i++) {
          const cell = numbers[i] - picture * cells;
          own.set(rows.subarray(cell * dims, (cell + 1) * dims), (i - at) * dims);
        }
        take(own, at);
        at = to;
      }
      onProgress?.({ label, done: picture + 1, total: names.length });
    }
  }
}

/** Finds what is unlike all good pictures. */
export class PatchCore {
  private constructor(
    private readonly describer: Describer,
    private readonly nearest: Nearest,
    private readonly bank: HeldRows,
    private readonly sigma: number,
    /** Descriptors in the bank. */
    readonly size: number,
  ) {}

  /**
   * Fills the bank with the index's good pictures, described anew: twice, so that no more is held than their projections and the bank.
   * @param index its pictures, backbone, model grid and windows are PatchCore's. @throws what reading them throws, the signal's reason.
   */
  static async fit(index: ReferenceIndex, settings: PatchCoreSettings = {}): Promise<PatchCore> {
    const { share = 0.1, projected = 128, starts = 10, most = 1_000_000, sigma = 4, place = 0, seed = 0 } = settings;
    const { onProgress, signal } = settings;
    const random = new Random(`${seed}/patchcore`);
    const describer = new Describer(index, place);
    const { dims, cells } = describer;
    const asked = drawn(index.names.length * cells, most, random.fork('drawn'));
    const outputs = Math.min(dims, projected);
    const matrix = projection(dims, outputs, random.fork('projection'));
    const vectors = new Float32Array(asked.length * outputs);
    const add = (rows: Float32Array, at: number) => {
      if (outputs === dims) vectors.set(rows, at * dims);
      else project(rows, matrix, dims, vectors, at);
    };
    await describer.each(asked, add, { label: 'describing', onProgress, signal });
    const among = await Nearest.create(index.runtime, outputs, CHOSEN);
    const chosen = await greedyCoreset(among, vectors, {
      count: Math.max(1, Math.floor(asked.length * share)),
      starts,
      random: random.fork('starts'),
      signal,
      onProgress: (progress) => onProgress?.({ label: 'choosing descriptors', ...progress }),
    });
    await among.close();
    const kept = chosen.sort().map((row) => asked[row]);
    const bank = new Float32Array(kept.length * dims);
    await describer.each(kept, (rows, at) => bank.set(rows, at * dims), {
      label: 'filling the bank',
      onProgress,
      signal,
    });
    const nearest = await Nearest.create(index.runtime, dims);
    return new PatchCore(describer, nearest, await nearest.hold(bank), sigma, kept.length);
  }

  /** Map and score of a picture; the score is the largest distance, before the map is enlarged and smoothed. */
  async detect(image: RgbImage): Promise<{ readonly map: Plane; readonly score: number }> {
    const { rows, height, width } = await this.describer.describe(image);
    const squares = await this.nearest.squares(rows, this.bank);
    const distances = squares.map(Math.sqrt);
    const { grid } = this.describer.index;
    const large = resizePlane({ data: distances, width, height, channels: 1 }, grid.width, grid.height);
    const smooth = gaussianBlur(large.data, grid.width, grid.height, this.sigma);
    const map = resizePlane({ ...large, data: smooth }, image.width, image.height);
    return { map, score: distances.reduce((most, distance) => Math.max(most, distance)) };
  }

  async close(): Promise<void> {
    await this.bank.release();
    await this.nearest.close();
  }
}
