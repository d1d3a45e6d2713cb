/** The deterministic click evaluation (docs/method.md, Measuring): a simulated annotator labels every defect image, metrics follow. */
import { type Annotator, CLICK_THRESHOLD, nextClick, offCentre } from '../clicks/annotator.ts';
import type { ImageClick } from '../clicks/types.ts';
import type { Mask, Plane, RgbImage } from '../image/types.ts';
import { Random } from '../random.ts';
import { imageLabel } from './image-label.ts';
import { iou, mean, meanIou, noc, nof, quantile } from './metrics.ts';
import { checkSize, PixelMetricAccumulator, type PixelReport } from './pixel-metrics.ts';

/** One image to be labelled. */
export interface ClickItem {
  readonly name: string;
  /** Defect type, shown in reports. */
  readonly type?: string;
  /** Kept only for the examples of a report. */
  readonly image?: RgbImage;
  readonly mask: Mask;
  /** Probability at the mask's size after the given clicks; its time is what msPerClick measures. */
  readonly predict: (clicks: readonly ImageClick[]) => Promise<Plane>;
  /** The same without the rules of a click, as papers measure: everything above the threshold counts. Not measured where it is missing. */
  readonly predictAsPaper?: (clicks: readonly ImageClick[]) => Promise<Plane>;
}

/** What {@link evaluateClicks} takes. */
export interface ClickProtocol {
  /** Clicks an image, at most; metrics are reported up to here. */
  readonly clicks?: number;
  /** Click counts with metrics of their own; those above `clicks` are left out, `clicks` itself is added. */
  readonly report?: readonly number[];
  /** Goes on to this many clicks for NoC (20 is usual); without it NoC is capped at `clicks`. */
  readonly nocClicks?: number;
  readonly threshold?: number;
  /** Measures an annotator who does not aim as well ({@link offCentre}), its places drawn by each image's name; default false. */
  readonly offCentre?: boolean;
  /** Best and worst images kept as examples, each this many. */
  readonly examples?: number;
  /** What errors call the collection. */
  readonly what?: string;
  readonly onImage?: (result: ClickImageResult, done: number) => void;
  /** Stops before the next image. */
  readonly signal?: AbortSignal;
}

/** How one image went. */
export interface ClickImageResult {
  readonly name: string;
  readonly type?: string;
  /** IoU after click 1, 2, …; as long as the clicks asked for, the last one repeated once the mask was perfect. */
  readonly ious: readonly number[];
  readonly clicks: readonly ImageClick[];
  /** Milliseconds of each prediction. */
  readonly ms: readonly number[];
  /** Pixels of defect, and their share of the image. */
  readonly area: number;
  readonly defectShare: number;
  /** Clicks that a later mask does not obey: the pixel under a positive one is out, or that under a negative one in; once a mask. */
  readonly violations: number;
}

/** An image kept whole for a report. */
export interface ClickExample {
  readonly result: ClickImageResult;
  readonly image?: RgbImage;
  readonly mask: Mask;
  /** 1 where the map after the last reported click exceeds the threshold. */
  readonly predicted: Mask;
  /** The clicks up to there. */
  readonly clicks: readonly ImageClick[];
  /** IoU of `predicted`. */
  readonly iou: number;
}

/** Metrics after k clicks. */
export interface ClickMetrics extends PixelReport {
  readonly miou: number;
}

/** Figures at an IoU of 0.80, 0.85 and 0.90. */
export type AtIou = Readonly<Record<'80' | '85' | '90', number>>;

/** Figures over all images of one way to draw masks. */
export interface ClickFigures {
  /** By click count, ascending. */
  readonly at: ReadonlyMap<number, ClickMetrics>;
  readonly noc: AtIou;
  /** Share of images that never got there. */
  readonly failed: AtIou;
}

/** Everything {@link evaluateClicks} finds out. */
export interface ClickEvaluation extends ClickFigures {
  readonly images: readonly ClickImageResult[];
  /** Images whose mask has no defect pixel; nothing can be clicked there. */
  readonly skipped: readonly string[];
  /** Clicks an image for the metrics. */
  readonly clicks: number;
  /** Probability above which a pixel counts as defect. */
  readonly threshold: number;
  /** Without the rules of a click; its annotator goes by its own masks. None where it was not asked for. */
  readonly asPaper: ClickFigures | undefined;
  /** By an annotator who does not aim. None where it was not asked for. */
  readonly offCentre: ClickFigures | undefined;
  /** Clicks at which NoC is capped. */
  readonly nocCap: number;
  readonly msPerClick: { readonly p50: number; readonly p95: number };
  /** Lowest IoU first. */
  readonly worst: readonly ClickExample[];
  /** Highest IoU first. */
  readonly best: readonly ClickExample[];
}

const DEFAULT_CLICKS = 5;
const DEFAULT_REPORT = [1, 3, 5];
const DEFAULT_EXAMPLES = 4;

/**
 * Labels images one after another by simulated clicks. Maps are not kept: memory is that of
 * {@link PixelMetricAccumulator} for each reported click count, plus the examples.
 * @throws ADC_NO_REGION when no image has a defect pixel; whatever a prediction throws; the signal's reason.
 */
export async function evaluateClicks(
  items: AsyncIterable<ClickItem> | Iterable<ClickItem>,
  protocol: ClickProtocol = {},
): Promise<ClickEvaluation> {
  const { clicks = DEFAULT_CLICKS, nocClicks = clicks, examples = DEFAULT_EXAMPLES, what = 'the masks' } = protocol;
  if (!Number.isInteger(clicks) || clicks < 1) throw new RangeError(`clicks must be 1 or more, not ${clicks}`);
  const threshold = protocol.threshold ?? CLICK_THRESHOLD;
  const counts = reportedCounts(clicks, protocol.report ?? DEFAULT_REPORT);
  const nocCap = Math.max(clicks, nocClicks);
  const ruled = new Figures(counts, nocCap);
  const asPaper = new Figures(counts, nocCap);
  const unaimed = new Figures(counts, nocCap);
  const gallery = new Gallery(examples);
  const images: ClickImageResult[] = [];
  const skipped: string[] = [];
  for await (const item of items) {
    protocol.signal?.throwIfAborted();
    if (!item.mask.data.includes(1)) {
      skipped.push(item.name);
      continue;
    }
    const label = async (figures: Figures, predict: ClickItem['predict'], annotator: Annotator) => {
      let final: Plane | undefined;
      const result = await labelImage(item, { predict, annotator, limit: nocCap, threshold }, (k, map) => {
        figures.add(k, map, item);
        if (k === clicks) final = map;
      });
      figures.ious.push(result.ious);
      return { result, final };
    };
    const { result, final } = await label(ruled, item.predict, nextClick);
    images.push(result);
    if (item.predictAsPaper) await label(asPaper, item.predictAsPaper, nextClick);
    if (protocol.offCentre) await label(unaimed, item.predict, offCentre(new Random(imageLabel(item))));
    gallery.offer(item, result, clicks, () => cut(final as Plane, threshold));
    protocol.onImage?.(result, images.length);
  }
  const ms = images.flatMap((image) => image.ms);
  return {
    images,
    skipped,
    clicks,
    threshold,
    ...ruled.finish(what),
    asPaper: asPaper.ious.length > 0 ? asPaper.finish(what) : undefined,
    offCentre: unaimed.ious.length > 0 ? unaimed.finish(what) : undefined,
    nocCap,
    msPerClick: { p50: quantile(ms, 0.5), p95: quantile(ms, 0.95) },
    worst: gallery.worst,
    best: gallery.best,
  };
}

/** Figures of one way to draw masks, as images come in. */
class Figures {
  readonly ious: (readonly number[])[] = [];
  private readonly pooled: ReadonlyMap<number, PixelMetricAccumulator>;

  constructor(
    counts: readonly number[],
    private readonly nocCap: number,
  ) {
    this.pooled = new Map(counts.map((k) => [k, new PixelMetricAccumulator()]));
  }

  add(k: number, map: Plane, { mask, name }: ClickItem): void {
    this.pooled.get(k)?.add(map, mask, name);
  }

  finish(what: string): ClickFigures {
    const { ious, nocCap } = this;
    const at = new Map<number, ClickMetrics>();
    for (const [k, accumulator] of this.pooled) at.set(k, { ...accumulator.finish({ what }), miou: meanIou(ious, k) });
    return {
      at,
      noc: atIou((target) => mean(ious.map((each) => noc(each, target, nocCap)))),
      failed: atIou((target) => nof(ious, target, nocCap) / ious.length),
    };
  }
}

const reportedCounts = (clicks: number, report: readonly number[]): number[] =>
  [...new Set([...report.filter((k) => k >= 1 && k <= clicks), clicks])].sort((a, b) => a - b);

const atIou = (figure: (target: number) => number): AtIou => ({
  '80': figure(0.8),
  '85': figure(0.85),
  '90': figure(0.9),
});

/** What an image was told, and what came of it. */
export interface Annotated {
  readonly clicks: readonly ImageClick[];
  readonly map: Plane;
}

/**
 * The simulated annotator on one image: up to `limit` clicks, each at the largest error of the mask before it; fewer when that is perfect.
 * @param predict the map after these clicks. @throws what `predict` throws.
 */
export async function annotate(
  mask: Mask,
  limit: number,
  predict: (clicks: readonly ImageClick[]) => Promise<Plane>,
): Promise<Annotated> {
  const { width, height } = mask;
  const clicks: ImageClick[] = [];
  let map: Plane = { data: new Float32Array(width * height), width, height, channels: 1 };
  for (let click = nextClick(map.data, mask, clicks); click && clicks.length < limit; ) {
    clicks.push(click);
    map = await predict([...clicks]);
    click = nextClick(map.data, mask, clicks);
  }
  return { clicks, map };
}

/** How one image is labelled. */
interface Way {
  readonly predict: ClickItem['predict'];
  readonly annotator: Annotator;
  readonly limit: number;
  readonly threshold: number;
}

/** Clicks one image `limit` times; once the mask is perfect, the last map stands for the clicks that are left. */
async function labelImage(
  { name, type, mask }: ClickItem,
  { predict, annotator, limit, threshold }: Way,
  onClick: (k: number, map: Plane) => void,
): Promise<ClickImageResult> {
  const { width, height } = mask;
  const clicks: ImageClick[] = [];
  const ious: number[] = [];
  const ms: number[] = [];
  let violations = 0;
  let map: Plane = { data: new Float32Array(width * height), width, height, channels: 1 };
  for (let k = 1; k <= limit; k++) {
    const click = annotator(map.data, mask, clicks, threshold);
    if (click) {
      clicks.push(click);
      const start = performance.now();
      map = await predict([...clicks]);
      ms.push(performance.now() - start);
      checkSize(map, mask, name);
    }
    ious.push(click ? iou(map, mask, threshold) : ious[k - 2]);
    if (click)
      violations += clicks.filter((made) => map.data[made.y * width + made.x] > threshold !== made.positive).length;
    onClick(k, map);
  }
  const area = mask.data.reduce((sum, value) => (value === 1 ? sum + 1 : sum), 0);
  return { name, type, ious, clicks, ms, area, defectShare: area / mask.data.length, violations };
}

const cut = ({ data, width, height }: Plane, threshold: number): Mask => ({
  data: Uint8Array.from(data, (value) => (value > threshold ? 1 : 0)),
  width,
  height,
  channels: 1,
});

/** The few best and worst examples so far; images that are neither are not held. */
class Gallery {
  readonly best: ClickExample[] = [];
  readonly worst: ClickExample[] = [];

  constructor(private readonly size: number) {}

  offer(item: ClickItem, result: ClickImageResult, clicks: number, predicted: () => Mask): void {
    const final = result.ious[clicks - 1];
    const isBest = this.best.length < this.size || final > (this.best.at(-1)?.iou ?? Number.POSITIVE_INFINITY);
    const isWorst = this.worst.length < this.size || final < (this.worst.at(-1)?.iou ?? Number.NEGATIVE_INFINITY);
    if (this.size === 0 || (!isBest && !isWorst)) return;
    const example: ClickExample = {
      result,
      image: item.image,
      mask: item.mask,
      predicted: predicted(),
      clicks: result.clicks.slice(0, clicks),
      iou: final,
    };
    if (isBest) keep(this.best, example, this.size, (a, b) => b.iou - a.iou);
    if (isWorst) keep(this.worst, example, this.size, (a, b) => a.iou - b.iou);
  }
}

function keep(
  list: ClickExample[],
  example: ClickExample,
  size: number,
  order: (a: ClickExample, b: ClickExample) => number,
) {
  list.push(example);
  list.sort(order);
  list.length = Math.min(list.length, size);
}

/** AP, PRO, P-AUROC and mean IoU by number of clicks, as a key. */
type ByClicks = Readonly<Record<string, { ap: number; pro: number; pauroc: number; miou: number }>>;

/** The figures that `adclick evaluate clicks --json` prints; fractions of 1, times in ms. */
export interface ClickAnswer {
  readonly category: string;
  /** Number of images labelled. */
  readonly images: number;
  readonly weights: string;
  /** What the weights were trained on. */
  readonly trainedOn: string | readonly string[];
  /** Under the rules of a click. */
  readonly clicks: ByClicks;
  readonly noc: AtIou;
  /** Without them, as papers measure: everything above the threshold counts. */
  readonly paperClicks?: ByClicks;
  readonly paperNoc?: AtIou;
  /** Under the rules, by an annotator who does not aim: any pixel of the error that the other clicks in the middle of. */
  readonly offCentreClicks?: ByClicks;
  /** Clicks at which NoC is capped: images that need more count as this many. */
  readonly nocCap: number;
  /** Share of images that did not reach the IoU within the cap. */
  readonly failed: AtIou;
  /** Every image: pixels of defect, and the IoU after each click. */
  readonly perImage: readonly {
    readonly image: string;
    readonly type: string | null;
    readonly area: number;
    readonly iou: readonly number[];
  }[];
  /** Share of clicks after the first of an image that lowered its IoU by more than {@link WORSE}. */
  readonly worse: { readonly share: number };
  /** Clicks made, and how often a mask did not do what an earlier click or its own says. */
  readonly obeyed: { readonly clicks: number; readonly violations: number };
  readonly msPerClick: { readonly p50: number; readonly p95: number };
  /** Images left out because their mask is empty. */
  readonly skipped: readonly string[];
}

/** A click that lowers an image's IoU by more than this has made it worse. */
const WORSE = 0.01;

const byClicks = (at: ClickFigures['at']): ByClicks =>
  Object.fromEntries([...at].map(([k, { ap, pro, pauroc, miou }]) => [String(k), { ap, pro, pauroc, miou }]));

/** The answer of an evaluation. */
export function clickAnswer(
  { images, at, noc: clicksNeeded, asPaper, offCentre, nocCap, failed, msPerClick, skipped }: ClickEvaluation,
  subject: Pick<ClickAnswer, 'category' | 'weights' | 'trainedOn'>,
): ClickAnswer {
  const { category, weights, trainedOn } = subject;
  // Once a mask is perfect nobody clicks; the last IoU only stands for the clicks that are left.
  const later = images.flatMap(({ ious, clicks }) => ious.slice(1, clicks.length).map((each, k) => each - ious[k]));
  return {
    category,
    images: images.length,
    weights,
    trainedOn,
    clicks: byClicks(at),
    noc: clicksNeeded,
    ...(asPaper && { paperClicks: byClicks(asPaper.at), paperNoc: asPaper.noc }),
    ...(offCentre && { offCentreClicks: byClicks(offCentre.at) }),
    nocCap,
    failed,
    perImage: images.map(({ name, type, area, ious }) => ({ image: name, type: type ?? null, area, iou: ious })),
    worse: { share: later.length > 0 ? later.filter((change) => change < -WORSE).length / later.length : 0 },
    obeyed: {
      clicks: images.reduce((sum, { clicks }) => sum + clicks.length, 0),
      violations: images.reduce((sum, { violations }) => sum + violations, 0),
    },
    msPerClick,
    skipped,
  };
}
