/** Click weights on disk: safetensors whose metadata say what network they fit and what they were trained on. */
import { readSafetensors, type Tensor, writeSafetensors } from '@adclick/ortgrad';
import { z } from 'zod';
import { fail } from '../errors.ts';
import { BACKBONES, type BackboneName, tokenDims } from '../features/backbones.ts';
import type { TextEncoderName } from '../language/text-encoder.ts';
import { type AdclickSettings, PRESETS, type Preset } from './adclick.ts';

/** What a weights file says of itself. */
export interface ClickWeightsCard {
  readonly name: string;
  readonly preset: Preset;
  readonly residualDims: number;
  /** The encoder of the words that guide these weights; none where language does not. */
  readonly textEncoder?: TextEncoderName;
  readonly trainedOn: string;
  readonly steps: number;
  readonly seed: number;
  /**
   * Factors on the odds p / (1 - p) after one, two, … clicks (the last for all further ones), found on real defects that
   * training did not see: a network trained on simulated defects is too unsure of others. None where it is missing.
   */
  readonly odds?: readonly number[];
  /** Whether training fed the network what the rules of a click made of its answers; labelling does the same. */
  readonly rules?: boolean;
}

/** Weights with their card. */
export interface ClickWeights {
  readonly card: ClickWeightsCard;
  readonly settings: AdclickSettings;
  readonly tensors: ReadonlyMap<string, Tensor>;
}

/** The sizes that weights fit: their preset's, but for the edges, of which `small` had 24 channels before it had 16. */
export function settingsOf(
  { preset, residualDims }: Pick<ClickWeightsCard, 'preset' | 'residualDims'>,
  weights: ReadonlyMap<string, Tensor> = new Map(),
): AdclickSettings {
  const edge = weights.get('edge.logit.weight')?.shape[1] ?? PRESETS[preset].edge;
  return { ...PRESETS[preset], edge, residualDims };
}

/**
 * Checks that weights read the residuals of a backbone.
 * @param path of the weights, or their name. @throws ADC_WEIGHTS_KIND naming the backbone of both.
 */
export function checkBackbone(
  { residualDims }: Pick<ClickWeightsCard, 'residualDims'>,
  backbone: BackboneName,
  path: string,
): void {
  const want = tokenDims(BACKBONES[backbone]);
  if (residualDims === want) return;
  const others = Object.values(BACKBONES).filter((each) => tokenDims(each) === residualDims);
  const whose = others.map(({ name }) => name).join(' or ') || 'an unknown backbone';
  const got = `${whose} (residuals of ${residualDims} channels)`;
  throw fail('ADC_WEIGHTS_KIND', { path, got, want: `${backbone} (${want} channels)` });
}

/** The factor on the odds after so many clicks. */
export const oddsAfter = ({ odds = [] }: ClickWeightsCard, clicks: number): number =>
  clicks === 0 ? 1 : (odds[Math.min(clicks, odds.length) - 1] ?? 1);

/** What `kind` says in the metadata of click weights. */
const KIND = 'adclick-click-weights/1';

/** Writes weights atomically. */
export async function saveClickWeights(
  path: string,
  tensors: ReadonlyMap<string, Tensor>,
  card: ClickWeightsCard,
): Promise<void> {
  await writeSafetensors(path, tensors, { kind: KIND, card: JSON.stringify(card) });
}

/** What a card has to hold; the preset is compared with those that this version knows. */
const cardSchema = z.object({
  name: z.string(),
  preset: z.string(),
  residualDims: z.number().int().positive(),
  textEncoder: z.string().optional(),
  trainedOn: z.string(),
  steps: z.number(),
  seed: z.number(),
  odds: z.array(z.number().positive()).optional(),
  rules: z.boolean().optional(),
});

function readCard(path: string, text: string): ClickWeightsCard {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw fail('ADC_WEIGHTS_DAMAGED', { path, what: 'its card is no JSON' }, cause);
  }
  const card = cardSchema.safeParse(json);
  if (card.success) return { ...(json as object), ...card.data } as ClickWeightsCard;
  const [issue] = card.error.issues;
  throw fail('ADC_WEIGHTS_DAMAGED', { path, what: `card, ${issue?.path.join('.')}: ${issue?.message}` }, card.error);
}

/** Reads weights. Throws ADC_WEIGHTS_DAMAGED for a file that is not what was written, ADC_WEIGHTS_KIND for another kind of weights. */
export async function loadClickWeights(path: string): Promise<ClickWeights> {
  const { tensors, metadata } = await readSafetensors(path);
  if (metadata.kind !== KIND)
    throw fail('ADC_WEIGHTS_KIND', { path, got: metadata.kind ?? 'something unnamed', want: KIND });
  const card = readCard(path, metadata.card ?? '{}');
  if (!Object.hasOwn(PRESETS, card.preset))
    throw fail('ADC_WEIGHTS_KIND', { path, got: `preset ${card.preset}`, want: Object.keys(PRESETS).join(', ') });
  return { card, settings: settingsOf(card, tensors), tensors };
}
