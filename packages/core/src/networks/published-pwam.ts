/**
 * Pixel–word attention as LAVT published it (LAVT, lib/backbone.py: PWAM and SpatialImageLanguageAttention, one head): queries and
 * answers are normalised over the places of a picture, a channel each. Ours, which crops leave as it is, is in pwam.ts.
 * In the comments N places of a picture, T words of D channels, C channels of a place.
 */
import {
  add,
  addScalar,
  div,
  gelu,
  matmul,
  mul,
  type ParameterSource,
  reduceMean,
  reshape,
  scale,
  softmax,
  sqrt,
  square,
  sub,
  swapLast,
  type Value,
} from '@adclick/ortgrad';
import { NO_WORD, type Words } from './pwam.ts';
import { dense } from './swin.ts';

/** Added to a channel's variance under the root. */
const EPSILON = 1e-5;

/**
 * Each channel less its mean over the places, over its deviation: x (B, N, C) -> (B, N, C). In two passes, since a trained channel's mean
 * may be far larger than its deviation.
 */
function overPlaces(x: Value): Value {
  const centred = sub(x, reduceMean(x, [1], true)); // (B, N, C)
  const variance = reduceMean(square(centred), [1], true); // (B, 1, C)
  return div(centred, sqrt(addScalar(variance, EPSILON))); // (B, N, C)
}

/**
 * What the words say of every place, times what the place is. The layers' names are LAVT's.
 * @param x a stage's places (B, h, w, C).
 * @param words whose mask may be a share of prompts: a position that not all of forty have loses at least 250 of its score, which takes it out.
 * @returns (B, h, w, C)
 */
export function publishedPwam(p: ParameterSource, name: string, x: Value, { features, mask }: Words): Value {
  const [batch, rows, columns, channels] = x.shape as [number, number, number, number];
  const words = mask.shape[1];
  const layer = (part: string, from: Value) => dense(p, `${name}.${part}.0`, from, channels);
  const places = reshape(x, [batch, rows * columns, channels]); // (B, N, C)
  const share = reshape(mask, [batch, words, 1]); // (B, T, 1)
  const vis = gelu(layer('vis_project', places)); // (B, N, C)
  const query = overPlaces(layer('image_lang_att.f_query', places)); // (B, N, C)
  const key = mul(layer('image_lang_att.f_key', features), share); // (B, T, C)
  const value = mul(layer('image_lang_att.f_value', features), share); // (B, T, C)

  const absent = reshape(addScalar(scale(mask, NO_WORD), -NO_WORD), [batch, 1, words]); // (B, 1, T)
  const scores = add(scale(matmul(query, swapLast(key)), 1 / Math.sqrt(channels)), absent); // (B, N, T)
  const heard = matmul(softmax(scores), value); // (B, N, C)
  const said = overPlaces(layer('image_lang_att.W', heard)); // (B, N, C)
  const out = gelu(layer('project_mm', mul(vis, said))); // (B, N, C)
  return reshape(out, [batch, rows, columns, channels]); // (B, h, w, C)
}
