/** Evaluating a detector on pictures with and without defects: pixel metrics at each picture's own size, I-AUROC (docs/method.md). */
import type { Mask, Plane, RgbImage } from '../image/types.ts';
import { type Decisions, decisionsOf, imageAuroc } from '../inference/decisions.ts';
import { quantile } from './metrics.ts';
import { PixelMetricAccumulator, type PixelReport } from './pixel-metrics.ts';

/** A test picture. */
export interface DetectionItem {
  readonly name: string;
  /** Defect type, 'good' for pictures without. */
  readonly type: string;
  readonly image: RgbImage;
  /** At the size of the image; all 0 for good pictures. */
  readonly mask: Mask;
}

/** What a detector says of a picture; the map at the picture's size. */
export interface Verdict {
  readonly score: number;
  readonly map: Plane;
  readonly isDefect?: boolean;
}

/** What {@link evaluateDetection} takes beside pictures and a detector. */
export interface DetectionProtocol {
  /** Best, worst and most suspicious good pictures kept as examples, each this many; default 4. */
  readonly examples?: number;
  /** What errors call the collection. */
  readonly what?: string;
  /** Told each picture and what was said of it, outside of the time that is measured; waited for. */
  readonly onVerdict?: (item: DetectionItem, verdict: Verdict) => Promise<void>;
  readonly onImage?: (result: DetectionImageResult, done: number) => void;
  /** Stops before the next picture. */
  readonly signal?: AbortSignal;
}

/** How one picture went. */
export interface DetectionImageResult {
  readonly name: string;
  readonly type: string;
  readonly defective: boolean;
  readonly score: number;
  readonly isDefect?: boolean;
  /** Defect pixels as a share of the picture's. */
  readonly area: number;
  readonly ms: number;
  /** Average precision of this picture's pixels alone; absent for good pictures. */
  readonly ap?: number;
}

/** A picture kept whole for a report. */
export interface DetectionExample extends DetectionItem {
  readonly result: DetectionImageResult;
  readonly map: Plane;
}

/** The four figures of a detector, fractions of 1. */
export interface DetectionFigures {
  readonly ap: number;
  readonly pro: number;
  readonly pauroc: number;
  readonly iauroc: number;
}

/** How defects of one type fared: their pictures beside all good ones. */
export interface TypeFigures extends DetectionFigures {
  readonly type: string;
  /** Pictures with a defect of that type. */
  readonly images: number;
}

/** Everything {@link evaluateDetection} finds out. */
export interface DetectionEvaluation extends DetectionFigures {
  readonly images: readonly DetectionImageResult[];
  readonly pixels: PixelReport;
  /** In the order in which types were met. */
  readonly byType: readonly TypeFigures[];
  readonly msPerImage: { readonly p50: number; readonly p95: number };
  /** Absent where the detector decides nothing. */
  readonly decisions?: Decisions;
  /** Lowest average precision first. */
  readonly worst: readonly DetectionExample[];
  /** Highest first. */
  readonly best: readonly DetectionExample[];
  /** Good pictures with the highest scores. */
  readonly suspicious: readonly DetectionExample[];
}

const EXAMPLES = 4;

/** A few items with the lowest keys; others are not held. */
class Lowest {
  readonly items: DetectionExample[] = [];
  private readonly keys: number[] = [];

  constructor(private readonly size: number) {}

  offer(key: number, example: () => DetectionExample): void {
    let at = this.keys.findIndex((other) => key < other);
    if (at < 0) at = this.keys.length;
    if (at >= this.size) return;
    this.keys.splice(at, 0, key);
    this.items.splice(at, 0, example());
    this.keys.length = Math.min(this.keys.length, this.size);
    this.items.length = this.keys.length;
  }
}

function apOf(map: Plane, mask: Mask, name: string): number | undefined {
  if (!mask.data.includes(1) || !mask.data.includes(0)) return undefined;
  const alone = new PixelMetricAccumulator();
  alone.add(map, mask, name);
  return alone.finish({ what: name }).ap;
}

/**
 * Shows pictures to a detector one after another. Maps are not kept: memory is that of {@link PixelMetricAccumulator} and the examples.
 * @param detect its time is what msPerImage measures; the first picture, which may include loading, does not count.
 * @throws ADC_NO_REGION without a defective or without a good picture; whatever `detect` throws; the signal's reason.
 */
export async function evaluateDetection(
  items: AsyncIterable<DetectionItem> | Iterable<DetectionItem>,
  detect: (image: RgbImage, item: DetectionItem) => Promise<Verdict>,
  protocol: DetectionProtocol = {},
): Promise<DetectionEvaluation> {
  const { examples = EXAMPLES, what = 'the pictures' } = protocol;
  const good = new PixelMetricAccumulator();
  const types = new Map<string, PixelMetricAccumulator>();
  const collectorOf = (type: string | undefined) => {
    if (type === undefined) return good;
    const known = types.get(type) ?? new PixelMetricAccumulator();
    types.set(type, known);
    return known;
  };
  const images: DetectionImageResult[] = [];
  const [worst, best, suspicious] = [new Lowest(examples), new Lowest(examples), new Lowest(examples)];
  for await (const item of items) {
    protocol.signal?.throwIfAborted();
    const { name, type, image, mask } = item;
    const start = performance.now();
    const verdict = await detect(image, item);
    const ms = performance.now() - start;
    await protocol.onVerdict?.(item, verdict);
    const { score, map, isDefect } = verdict;
    const marked = mask.data.reduce((sum, value) => sum + (value === 1 ? 1 : 0), 0);
    const defective = marked > 0;
    collectorOf(defective ? type : undefined).add(map, mask, name);
    const ap = apOf(map, mask, name);
    const result = {
      name,
      type,
      defective,
      score,
      area: marked / mask.data.length,
      ms,
      ...(isDefect !== undefined && { isDefect }),
      ...(ap !== undefined && { ap }),
    };
    images.push(result);
    const example = () => ({ ...item, result, map });
    if (ap !== undefined) worst.offer(ap, example);
    if (ap !== undefined) best.offer(-ap, example);
    if (!defective) suspicious.offer(-score, example);
    protocol.onImage?.(result, images.length);
  }
  const iauroc = imageAurocOf(images);
  const pixels = PixelMetricAccumulator.of([good, ...types.values()]).finish({ what });
  const byType = [...types].map(([type, pooled]) => {
    const pictures = images.filter((image) => !image.defective || image.type === type);
    const { ap, pro, pauroc } = PixelMetricAccumulator.of([good, pooled]).finish({ what: `${what}, ${type}` });
    const count = pictures.filter(({ defective }) => defective).length;
    return { type, images: count, ap, pro, pauroc, iauroc: imageAurocOf(pictures) };
  });
  const ms = images.length > 1 ? images.slice(1).map((image) => image.ms) : images.map((image) => image.ms);
  return {
    images,
    pixels,
    byType,
    ap: pixels.ap,
    pro: pixels.pro,
    pauroc: pixels.pauroc,
    iauroc,
    msPerImage: { p50: quantile(ms, 0.5), p95: quantile(ms, 0.95) },
    ...decided(images),
    worst: worst.items,
    best: best.items,
    suspicious: suspicious.items,
  };
}

const imageAurocOf = (images: readonly DetectionImageResult[]): number =>
  imageAuroc(
    images.map((image) => image.score),
    images.map((image) => image.defective),
  );

function decided(images: readonly DetectionImageResult[]): Pick<DetectionEvaluation, 'decisions'> {
  const all = images.flatMap(({ isDefect, ...image }) => (isDefect === undefined ? [] : [{ ...image, isDefect }]));
  return all.length < images.length ? {} : { decisions: decisionsOf(all) };
}

/** The four figures alone. */
export const figuresOf = ({ ap, pro, pauroc, iauroc }: DetectionFigures): DetectionFigures => ({
  ap,
  pro,
  pauroc,
  iauroc,
});

/** What `adclick evaluate` tells with --json of any maps; fractions of 1. */
export interface MapFigures extends DetectionFigures {
  readonly category: string;
  /** Pictures tested on, of which `defects` have defects. */
  readonly images: number;
  readonly defects: number;
  readonly byType: readonly TypeFigures[];
  /** Absent where nothing was decided. */
  readonly decisions?: Decisions;
}

/** That part of an answer. */
export const mapFigures = (category: string, evaluation: DetectionEvaluation): MapFigures => ({
  category,
  images: evaluation.images.length,
  defects: evaluation.images.filter(({ defective }) => defective).length,
  ...figuresOf(evaluation),
  byType: evaluation.byType,
  ...(evaluation.decisions && { decisions: evaluation.decisions }),
});

/** The figures that `adclick evaluate detection --json` prints; times in ms. */
export interface DetectionAnswer extends MapFigures {
  readonly detector: string;
  /** 'network', 'residual' where there is none or it was left aside, or 'rival' where another method made the maps. */
  readonly from: 'network' | 'residual' | 'rival';
  /** Defects that were labelled to train on, and how they were chosen. */
  readonly labels: { readonly count: number; readonly picks: 'published' | 'shuffled' | 'none' };
  readonly msPerImage: { readonly p50: number; readonly p95: number };
  /** The residual's map alone, on the same pictures. */
  readonly unsupervised: DetectionFigures & { readonly decisions?: Decisions };
  /** How each picture went, in the order of the test set. */
  readonly pictures: readonly DetectionImageResult[];
  /** What was noticed while training, such as a network that was left aside. */
  readonly notes: readonly string[];
}

/** How a picture went whose map somebody else made: how long that took is not known. */
export type MapImageResult = Omit<DetectionImageResult, 'ms'>;

/** The figures that `adclick evaluate maps --json` prints. */
export interface MapAnswer extends MapFigures {
  readonly maps: {
    /** Where they were found. */
    readonly folder: string;
    /** Maps of another size than their masks. */
    readonly resized: number;
    /** Where the scores of pictures are from: a file beside the maps, or the largest value of each. */
    readonly scores: 'file' | 'maximum';
  };
  readonly pictures: readonly MapImageResult[];
  /** What somebody should know who compares these figures. */
  readonly notes: readonly string[];
}
