/** BERT's encoder as a frozen graph (Devlin et al. 2019): post-norm transformer layers over word, place and sentence embeddings. */
import {
  add,
  addScalar,
  cast,
  concat,
  expand,
  type FrozenParameters,
  gather,
  layerNormLayer,
  linear,
  mlp,
  reshape,
  scale,
  selfAttention,
  slice,
  type Tensor,
  transpose,
  type Value,
} from '@adclick/ortgrad';

/** Sides of one encoder. */
export interface BertShape {
  /** Transformer layers. */
  readonly layers: number;
  /** Length of a token's vector (D). */
  readonly dims: number;
  readonly heads: number;
  /** Length between the two layers of the perceptron. */
  readonly inner: number;
  /** Word pieces in the vocabulary. */
  readonly vocabulary: number;
  /** Learned places, of which the first T are used. */
  readonly places: number;
}

/** Added under the root of BERT's normalisations. */
const EPSILON = 1e-12;

/** What padded positions get on their scores: e^-10000 is 0 in float32. */
const MASKED = -1e4;

/** x [..., K] through `name.weight` [N, K], stored as PyTorch does, and `name.bias`. */
function dense(p: FrozenParameters, name: string, x: Value, features: number): Value {
  const inner = x.shape[x.shape.length - 1];
  const weight = transpose(p.get(`${name}.weight`, [features, inner]), [1, 0]);
  return linear(x, weight, p.get(`${name}.bias`, [features]));
}

/** Words, places and the first sentence's embedding, summed and normalised: ids (B, T) -> (B, T, D). */
function embed(p: FrozenParameters, ids: Value, { dims, vocabulary, places }: BertShape): Value {
  const length = ids.shape[1];
  const table = p.stored('embeddings.word_embeddings.weight', [vocabulary, dims]); // (V, D)
  const words = cast(gather(table, ids, 0), 'float32'); // (B, T, D)
  const place = slice(p.get('embeddings.position_embeddings.weight', [places, dims]), 0, 0, length); // (T, D)
  const sentence = slice(p.get('embeddings.token_type_embeddings.weight', [2, dims]), 0, 0, 1); // (1, D)
  return layerNormLayer(p, 'embeddings.LayerNorm', add(words, add(place, sentence)), EPSILON);
}

/** Self-attention over the valid positions: x (B, T, D), mask (B, 1, T, T) -> (B, T, D). */
function attend(p: FrozenParameters, name: string, x: Value, mask: Value, { dims, heads }: BertShape): Value {
  const parts = ['query', 'key', 'value'].map((part) => `${name}.self.${part}`);
  const weights = parts.map((part) => transpose(p.get(`${part}.weight`, [dims, dims]), [1, 0]));
  const biases = parts.map((part) => p.get(`${part}.bias`, [dims]));
  const qkv = linear(x, concat(weights, 1), concat(biases, 0)); // (B, T, 3D)
  const mixed = selfAttention(qkv, heads, null, { scale: 1 / Math.sqrt(dims / heads), mask }); // (B, T, D)
  return dense(p, `${name}.output.dense`, mixed, dims);
}

/** The two-layer perceptron of a layer. */
function widen(p: FrozenParameters, name: string, x: Value, { dims, inner }: BertShape): Value {
  const matrix = (part: string, rows: number, columns: number) =>
    transpose(p.get(`${name}.${part}.dense.weight`, [rows, columns]), [1, 0]);
  const bias = (part: string, features: number) => p.get(`${name}.${part}.dense.bias`, [features]);
  return mlp(
    x,
    matrix('intermediate', inner, dims),
    bias('intermediate', inner),
    matrix('output', dims, inner),
    bias('output', dims),
  );
}

/**
 * The last hidden state; the pooler is left out.
 * @param ids word pieces (B, T), int64 @param valid 1 or 0 a token (B, T), float32
 * @returns (B, T, D). Padded positions are computed as well (they attend to the valid ones), as the reference does.
 */
export function bert(p: FrozenParameters, ids: Value, valid: Value, shape: BertShape): Value {
  const [batch, length] = ids.shape as [number, number];
  const offsets = scale(addScalar(scale(valid, -1), 1), MASKED); // 0 where valid
  const mask = expand(reshape(offsets, [batch, 1, 1, length]), [batch, 1, length, length]);
  let x = embed(p, ids, shape); // (B, T, D)
  for (let number = 0; number < shape.layers; number++) {
    const name = `encoder.layer.${number}`;
    const attended = add(x, attend(p, `${name}.attention`, x, mask, shape));
    x = layerNormLayer(p, `${name}.attention.output.LayerNorm`, attended, EPSILON);
    x = layerNormLayer(p, `${name}.output.LayerNorm`, add(x, widen(p, name, x, shape)), EPSILON);
  }
  return x;
}

/** A name as {@link bert} asks for it: files of whole BERT models put `bert.` before, and the oldest call weight and bias gamma and beta. */
export const plainName = (name: string): string =>
  name
    .replace(/^bert\./, '')
    .replace(/LayerNorm\.gamma$/, 'LayerNorm.weight')
    .replace(/LayerNorm\.beta$/, 'LayerNorm.bias');

/** Tensors by {@link plainName}. */
export const plainNames = (tensors: ReadonlyMap<string, Tensor>): Map<string, Tensor> =>
  new Map([...tensors].map(([name, value]) => [plainName(name), value]));
