/** What a detector says of pictures that it has not seen: good ones, and labelled defects where there are some. */
import type { LabelledDefect } from '../clicks/labelled-defect.ts';
import { resizePlane } from '../image/resize.ts';
import type { Plane } from '../image/types.ts';
import { fromLogOdds, logOdds } from '../log-odds.ts';
import type { Reference } from '../residual/reference.ts';
import type { ReferenceIndex } from '../residual/reference-index.ts';
import { spread } from '../spread.ts';
import type { MapSettings, SegNetwork } from './anomaly-map.ts';
import { type Decided, type Decisions, decisionsOf } from './decisions.ts';
import type { HeldOut, HeldOutDefect, HeldOutGood } from './detector-card.ts';
import { IndexScorer, type Scored } from './scoring.ts';
import { type HeldOutValues, thresholdFor } from './thresholds.ts';

/** A network that was trained as the detector's was, but without some pictures: what it says of these is what that one says of new ones. */
export interface HeldOutNetwork extends SegNetwork {
  /** Good pictures, by name. */
  readonly normals: readonly string[];
  readonly labels: readonly LabelledDefect[];
}

/** A detector's network with what is known of it through others. */
export interface JudgedNetwork extends SegNetwork {
  /** Networks trained without some pictures. */
  readonly folds?: readonly HeldOutNetwork[];
  /** Good pictures that this network has not seen either, by name. */
  readonly unseen?: readonly string[];
}

/** What {@link lookAtHeldOut} takes. */
export interface HeldOutSources {
  readonly reference: Reference;
  readonly settings: MapSettings;
  readonly network?: JudgedNetwork;
  /** Labelled defects, for a detector without a network. */
  readonly labels: readonly LabelledDefect[];
  /** Good pictures that are looked at, at most. */
  readonly limit: number;
  readonly onProgress?: (progress: { readonly done: number; readonly total: number }) => void;
  readonly signal?: AbortSignal;
}

/** Values that a map's median is taken of, at most. */
const SAMPLES = 4096;

/** The median of a map, from an even sample: defects are small, so it is what the map says of places without one. */
export function typicalValue({ data }: Plane): number {
  // Odd, so that a sample does not run down one column.
  const step = Math.max(1, Math.floor(data.length / SAMPLES)) | 1;
  const sample = new Float32Array(Math.ceil(data.length / step));
  for (let i = 0; i < sample.length; i++) sample[i] = data[i * step];
  sample.sort();
  return sample[sample.length >> 1];
}

const highest = (values: Float32Array) => values.reduce((a, b) => Math.max(a, b), 0);

/** What was said of a good picture. */
export const goodValues = ({ score, map }: Scored): HeldOutGood => ({
  score,
  map: highest(map.data),
  typical: typicalValue(map),
});

/** What was said of a labelled defect; of one that vanishes on the map's grid its highest value anywhere. */
function defectValues({ score, map }: Scored, { type, probability }: LabelledDefect): HeldOutDefect {
  const onGrid = resizePlane(probability, map.width, map.height).data;
  const on = map.data.filter((_, i) => onGrid[i] >= 0.5);
  const marked = probability.data.reduce((sum, value) => sum + (value >= 0.5 ? 1 : 0), 0);
  return { type, area: marked / probability.data.length, score, map: highest(on.length > 0 ? on : map.data) };
}

/** Common good pictures that a difference between networks is taken from, at least. */
const LEAST_COMMON = 5;

/** The middle value, the upper one of two. */
export const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1];

/** A value with its log-odds moved. */
export const moved = (value: number, by: number): number => (by === 0 ? value : fromLogOdds(logOdds(value) + by));

/**
 * Shows good pictures, spread evenly, and labels to the detector, or each to a network that was trained without it. What these networks
 * say is then moved by the median difference to the detector's own on good pictures that none of them has seen, of which its own counts.
 * @returns values on the scale of the index's scorer. @throws what reading good pictures throws, the signal's reason.
 */
export async function lookAtHeldOut(index: ReferenceIndex, sources: HeldOutSources): Promise<HeldOut> {
  const { reference, settings, network, limit, onProgress, signal } = sources;
  const parts = network?.folds ?? [{ ...network, normals: index.names, labels: network ? [] : sources.labels }];
  const shares = parts.map((part) => ({ ...part, normals: spread(part.normals, Math.ceil(limit / parts.length)) }));
  const unseen = new Set(network?.folds ? network.unseen : []);
  const common = shares.flatMap(({ normals }) => normals.filter((name) => unseen.has(name)));
  const enough = common.length >= LEAST_COMMON;
  const total = shares.reduce(
    (sum, { normals, labels }) => sum + normals.length + labels.length,
    enough ? common.length : 0,
  );
  let done = 0;
  const step = () => {
    onProgress?.({ done: ++done, total });
    signal?.throwIfAborted();
  };
  const look = async (
    of: Partial<SegNetwork> | undefined,
    names: readonly string[],
    labels: readonly LabelledDefect[],
  ): Promise<HeldOut> => {
    signal?.throwIfAborted();
    const seg = of?.build && of.weights && { build: of.build, weights: of.weights };
    const scorer = await IndexScorer.create(index, { reference, settings, network: seg });
    const good: HeldOutGood[] = [];
    const defects: HeldOutDefect[] = [];
    try {
      for (const name of names) {
        good.push(goodValues(await scorer.score(await index.picture(name), index.copiesOf(name))));
        step();
      }
      for (const label of labels) {
        defects.push(defectValues(await scorer.score(label.image, [label.name]), label));
        step();
      }
    } finally {
      await scorer.close();
    }
    return { good, defects };
  };
  const looked: HeldOut[] = [];
  for (const share of shares) looked.push(await look(share, share.normals, share.labels));
  const [good, defects] = [looked.flatMap((each) => each.good), looked.flatMap((each) => each.defects)];
  if (!enough) return { good, defects };
  const own = (await look(network, common, [])).good;
  const names = shares.flatMap(({ normals }) => normals);
  const others = good.filter((_, i) => unseen.has(names[i]));
  const seen = good.filter((_, i) => !unseen.has(names[i]));
  const difference = (key: keyof HeldOutGood) =>
    median(own.map((each, i) => logOdds(each[key]) - logOdds(others[i][key])));
  const by = { score: difference('score'), map: difference('map'), typical: difference('typical') };
  const near = <Item extends HeldOutDefect | HeldOutGood>(item: Item): Item => ({
    ...item,
    score: moved(item.score, by.score),
    map: moved(item.map, by.map),
    ...('typical' in item && { typical: moved(item.typical, by.typical) }),
  });
  return { good: [...own, ...seen.map(near)], defects: defects.map(near) };
}

/** The values of one kind, good pictures' and defects'. */
const valuesOf = ({ good, defects }: HeldOut, key: 'score' | 'map'): HeldOutValues => ({
  good: good.map((each) => each[key]),
  defects: defects.map((each) => each[key]),
});

/** Thresholds of score and map for a rate of false alarms; see {@link thresholdFor}. */
export const limitsOf = (heldOut: HeldOut, rate: number): { readonly score: number; readonly map: number } => ({
  score: thresholdFor(valuesOf(heldOut, 'score'), rate),
  map: thresholdFor(valuesOf(heldOut, 'map'), rate),
});

/** How pictures are decided upon by their scores, each by a threshold set on the others; undefined without defects to judge by. */
export function judgedOf(heldOut: HeldOut, rate: number): Decisions | undefined {
  const { good, defects } = valuesOf(heldOut, 'score');
  if (good.length < 2 || defects.length < 2) return undefined;
  const without = (values: readonly number[], i: number) => values.filter((_, at) => at !== i);
  const decided: Decided[] = [
    ...good.map((score, i) => ({
      ...{ type: 'good', defective: false, score },
      isDefect: score > thresholdFor({ good: without(good, i), defects }, rate),
    })),
    ...heldOut.defects.map(({ type, area, score }, i) => ({
      ...{ type, area, defective: true, score },
      isDefect: score > thresholdFor({ good, defects: without(defects, i) }, rate),
    })),
  ];
  return decisionsOf(decided);
}
