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
  }),
  /** How the network was trained; null without one. */
  training: z.record(z.string(), z.unknown()).nullable(),
});

/** What a detector file says of itself. */
export type DetectorCard = z.infer<typeof cardSchema>;
export type DetectorThresholds = DetectorCard['thresholds'];

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

/** Metadata of a detector file. */
export const cardMetadata = (card: DetectorCard): Record<string, string> => ({
  kind: `${KIND}${isDeep(card.windows) ? 2 : 1}`,
  name: card.name,
  card: JSON.stringify(card),
});

/** Adds the checksum at the end of the file. */
export const sealed = (model: Uint8Array): Uint8Array => appendMetadata(model, 'sha256', sha256(model));

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
