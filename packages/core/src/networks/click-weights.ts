/** Click weights on disk: safetensors whose metadata say what network they fit and what they were trained on. */
import { FlatParameters, Graph, readSafetensors, type Tensor, writeSafetensors } from '@adclick/ortgrad';
import { z } from 'zod';
import { fail } from '../errors.ts';
import { BACKBONES, type BackboneName, tokenDims } from '../features/backbones.ts';
import type { TextEncoderName } from '../language/text-encoder.ts';
import { type AdclickSettings, type OwnPreset, PRESETS } from './adclick.ts';
import {
  clickMapInput,
  deltaInput,
  embedDelta,
  languageInputs,
  languageLevels,
  type PublishedSettings,
  publishedAdclick,
} from './published-adclick.ts';

/** The preset that is the published network, in place of ours. */
export const PAPER = 'paper';

/** Name of a size of our own network, or of the published one. */
export type Preset = OwnPreset | typeof PAPER;

/** All presets there are. */
export const PRESET_NAMES: readonly Preset[] = [...(Object.keys(PRESETS) as OwnPreset[]), PAPER];

/** What a weights file says of itself. */
export interface ClickWeightsCard {
  readonly name: string;
  readonly preset: Preset;
  readonly residualDims: number;
  /** Sizes of the published network, which there are several of; none with another preset. */
  readonly sizes?: Omit<PublishedSettings, 'residualDims'>;
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

interface Weights {
  readonly card: ClickWeightsCard;
  readonly tensors: ReadonlyMap<string, Tensor>;
}

/** Weights of our own network with their card. */
export interface OwnClickWeights extends Weights {
  readonly network: 'own';
  readonly card: ClickWeightsCard & { readonly preset: OwnPreset };
  readonly settings: AdclickSettings;
}

/** Weights of the published network with their card. */
export interface PublishedClickWeights extends Weights {
  readonly network: 'published';
  readonly settings: PublishedSettings;
}

/** Weights with their card. */
export type ClickWeights = OwnClickWeights | PublishedClickWeights;

/** The sizes that weights of our own network fit: their preset's, but for the edges, of which `small` had 24 channels before it had 16. */
export function settingsOf(
  { preset, residualDims }: { readonly preset: OwnPreset; readonly residualDims: number },
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
const count = z.number().int().positive();
const four = z.tuple([count, count, count, count]).readonly();
const cardSchema = z.object({
  name: z.string(),
  preset: z.string(),
  residualDims: count,
  sizes: z
    .object({
      ...{ dim: count, depth: count, heads: count, window: count, mlpRatio: z.number().positive() },
      ...{ pyramid: four, head: count, language: four.optional() },
    })
    .optional(),
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

/** Says where weights are not those of the published network of these sizes. */
function misfit(settings: PublishedSettings, tensors: ReadonlyMap<string, Tensor>): string | undefined {
  const graph = new Graph('fit');
  const parameters = new FlatParameters(graph, 'weights');
  // The smallest grid with a shifted window that can be halved twice.
  const side = 4 * settings.window;
  const embedded = embedDelta(parameters, settings, deltaInput(graph, 1, side, side, settings.residualDims));
  const maps = languageInputs(graph, settings, 1, side, side);
  const language = maps && languageLevels(parameters, settings, maps);
  publishedAdclick(parameters, settings, embedded, clickMapInput(graph, 1, side, side), { language });
  for (const { name, shape } of parameters.layout.entries) {
    const held = tensors.get(name);
    if (!held) return `${name} is missing`;
    if (held.shape.join() !== shape.join())
      return `${name} is ${held.shape.join(' × ')}, not ${shape.join(' × ')} as its card says`;
  }
  return undefined;
}

function publishedWeights(path: string, card: ClickWeightsCard, tensors: Weights['tensors']): PublishedClickWeights {
  const { sizes, residualDims } = card;
  if (!sizes)
    throw fail('ADC_WEIGHTS_KIND', {
      path,
      got: `preset ${PAPER} of version 0.1.0, a wider network of ours`,
      want: 'the published network',
    });
  const settings = { ...sizes, residualDims };
  if (settings.dim % settings.heads !== 0 || settings.window % 2 !== 0)
    throw fail('ADC_WEIGHTS_DAMAGED', { path, what: 'card, sizes: no such network' });
  const what = misfit(settings, tensors);
  if (what !== undefined) throw fail('ADC_WEIGHTS_DAMAGED', { path, what });
  return { network: 'published', card, settings, tensors };
}

/** Reads weights. Throws ADC_WEIGHTS_DAMAGED for a file that is not what was written, ADC_WEIGHTS_KIND for another kind of weights. */
export async function loadClickWeights(path: string): Promise<ClickWeights> {
  const { tensors, metadata } = await readSafetensors(path);
  if (metadata.kind !== KIND)
    throw fail('ADC_WEIGHTS_KIND', { path, got: metadata.kind ?? 'something unnamed', want: KIND });
  const card = readCard(path, metadata.card ?? '{}');
  const { preset, residualDims } = card;
  if (preset === PAPER) return publishedWeights(path, card, tensors);
  if (!Object.hasOwn(PRESETS, preset))
    throw fail('ADC_WEIGHTS_KIND', { path, got: `preset ${preset}`, want: PRESET_NAMES.join(', ') });
  return {
    network: 'own',
    card: { ...card, preset },
    settings: settingsOf({ preset, residualDims }, tensors),
    tensors,
  };
}

/** {@link loadClickWeights} for what only our own network can do. Throws ADC_WEIGHTS_KIND for the published one as well. */
export async function loadOwnWeights(path: string): Promise<OwnClickWeights> {
  const weights = await loadClickWeights(path);
  if (weights.network === 'own') return weights;
  throw fail('ADC_WEIGHTS_KIND', { path, got: `preset ${PAPER}`, want: Object.keys(PRESETS).join(', ') });
}
