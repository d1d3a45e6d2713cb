/** What a detector file says of itself: a card in its metadata, checked when it is read, and a checksum over everything before it. */
import { createHash } from 'node:crypto';
import { appendMetadata, readMetadata } from '@adclick/ortgrad';
import { z } from 'zod';
import { fail } from '../errors.ts';
import { isDeep } from '../image/window.ts';
import { windowsSchema } from '../residual/index-file.ts';

/** What `kind` begins with; the number behind it changes whenever older readers would misread a file. */
const KIND = 'adclick-detector/';
/** 1: pictures over their full range, 2: through a window. */
const VERSIONS = ['1', '2'];

const unit = z.number().min(0).max(1);
const count = z.number().int().positive();

const scoreSchema = z.discriminatedUnion('rule', [
  z.object({ rule: z.literal('max') }),
  z.object({ rule: z.literal('topk'), pixels: count }),
  z.object({ rule: z.literal('pool'), side: count }),
]);

const goodSchema = z.object({
  score: unit,
  /** Highest value of its map. */
  map: unit,
  /** Median of its map: what it says of places without a defect. */
  typical: unit,
});
const defectSchema = z.object({
  type: z.string(),
  /** Defect pixels as a share of the picture's. */
  area: unit,
  score: unit,
  /** Highest value of its map on the defect. */
  map: unit,
});

const intervalSchema = z.tuple([unit, unit]).readonly();
const kindSchema = z.object({ pictures: count, missed: unit, interval: intervalSchema, auroc: unit });
/** See {@link Decisions}. */
const decisionsSchema = z.object({
  falseAlarms: unit,
  missed: unit,
  good: count,
  defective: count,
  intervals: z.object({ falseAlarms: intervalSchema, missed: intervalSchema }),
  balancedError: unit,
  best: z.object({ score: unit, balancedError: unit, falseAlarms: unit, missed: unit }),
  auroc: unit,
  types: z.array(kindSchema.extend({ type: z.string() })).readonly(),
  sizes: z.array(kindSchema.extend({ from: unit, to: unit })).readonly(),
});

const cardSchema = z.object({
  name: z.string().min(1),
  /** Version of ADClick that wrote the file. */
  version: z.string(),
  /** Pixels of the picture that the model takes; pictures of any size and aspect are brought to it. */
  input: z.object({ width: count, height: count }),
  /** Through which samples of each type become the 8 bits that the model takes; absent in files of version 0.1.0: full ranges. */
  windows: windowsSchema.optional(),
  /** What happens to a picture before the model sees it, in words. */
  preprocessing: z.string(),
  /** Width over height of most good pictures. Others are squeezed, as the index does. */
  aspect: z.number().positive(),
  backbone: z.object({ name: z.string(), weights: z.string() }),
  /** Good pictures inside, of how many the index held; K and radius of the match. */
  reference: z.object({ pictures: count, of: count, neighbours: count, radius: z.number().nonnegative() }),
  map: z.object({
    /** What the map is: the residual's length, or a trained network's probability. */
    from: z.enum(['residual', 'network']),
    sigma: z.number().nonnegative(),
    foreground: z.number().nonnegative(),
    score: scoreSchema,
  }),
  thresholds: z.object({
    /** A picture is defective when its score exceeds this. */
    score: unit,
    /** Pixels of the map above this make regions. */
    map: unit,
    /** Smaller regions are left out, pixels of the model grid. */
    minArea: z.number().nonnegative(),
    /** 'score': the score decides. 'region': a picture is defective when a region is left. */
    decision: z.enum(['score', 'region']),
    /** Share of good pictures that are called defective, aimed at, and on how many it was set. */
    falseAlarmRate: unit,
    heldOut: z.number().int().nonnegative(),
    /** Labelled defects that it was set on as well; absent in older files. */
    defects: z.number().int().nonnegative().optional(),
    /** Pictures of the line that were taken as good since. */
    adapted: count.optional(),
  }),
  /** What the thresholds were set on, values as the detector gives them; absent in older files. */
  heldOut: z.object({ good: z.array(goodSchema).readonly(), defects: z.array(defectSchema).readonly() }).optional(),
  /** How pictures that were held out were decided upon, each by a threshold set on the others; absent without labelled defects. */
  judged: decisionsSchema.optional(),
  /** How the network was trained; null without one. */
  training: z.record(z.string(), z.unknown()).nullable(),
});

/** What a detector file says of itself. */
export type DetectorCard = z.infer<typeof cardSchema>;
export type DetectorThresholds = DetectorCard['thresholds'];
/** What a detector says of a good picture that it has not seen. */
export type HeldOutGood = z.infer<typeof goodSchema>;
/** What a detector says of a labelled defect that it has not seen. */
export type HeldOutDefect = z.infer<typeof defectSchema>;
/** What thresholds are set on. */
export type HeldOut = NonNullable<DetectorCard['heldOut']>;

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

/** Metadata of a detector file. */
export const cardMetadata = (card: DetectorCard): Record<string, string> => ({
  kind: `${KIND}${isDeep(card.windows) ? 2 : 1}`,
  name: card.name,
  card: JSON.stringify(card),
});

/** Adds the checksum at the end of the file. */
export const sealed = (model: Uint8Array): Uint8Array => appendMetadata(model, 'sha256', sha256(model));

/** A detector file with another card; metadata lies at a file's end. */
export function withCard(model: Uint8Array, card: DetectorCard): Uint8Array {
  const end = readMetadata(model).reduce((first, { offset }) => Math.min(first, offset), model.length);
  const entries = Object.entries(cardMetadata(card));
  return sealed(entries.reduce((bytes, [key, value]) => appendMetadata(bytes, key, value), model.subarray(0, end)));
}

/**
 * The card of a detector file.
 * @throws ADC_DETECTOR_DAMAGED when it is cut off or altered, ADC_DETECTOR_KIND when it is another model or of another version.
 */
export function readCard(model: Uint8Array, path: string): DetectorCard {
  let entries: ReturnType<typeof readMetadata>;
  try {
    entries = readMetadata(model);
  } catch (cause) {
    throw fail('ADC_DETECTOR_DAMAGED', { path, what: (cause as Error).message }, cause);
  }
  const of = (key: string) => entries.find((entry) => entry.key === key);
  const kind = of('kind')?.value;
  const version = kind?.startsWith(KIND) ? kind.slice(KIND.length) : undefined;
  if (version === undefined || !VERSIONS.includes(version)) {
    const got = version === undefined ? 'no detector of ADClick' : `a detector of version ${version}`;
    throw fail('ADC_DETECTOR_KIND', { path, got, want: `versions ${VERSIONS.join(' and ')}` });
  }
  const seal = of('sha256');
  if (!seal || sha256(model.subarray(0, seal.offset)) !== seal.value)
    throw fail('ADC_DETECTOR_DAMAGED', { path, what: 'its content does not fit its checksum' });
  let json: unknown;
  try {
    json = JSON.parse(of('card')?.value ?? '');
  } catch (cause) {
    throw fail('ADC_DETECTOR_DAMAGED', { path, what: 'its card is no JSON' }, cause);
  }
  const card = cardSchema.safeParse(json);
  if (card.success) return card.data;
  const [issue] = card.error.issues;
  throw fail('ADC_DETECTOR_DAMAGED', { path, what: `card, ${issue?.path.join('.')}: ${issue?.message}` }, card.error);
}
