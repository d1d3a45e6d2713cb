/** BERT's encoder by Hugging Face's names, as text encoders of the table read it; the pooler and the heads are left out. */
import { type BertShape, plainName } from '../language/bert.ts';
import { TEXT_ENCODERS } from '../language/text-encoder.ts';
import { type Architecture, asItIs } from './architecture.ts';

/** Sentences that a pair has at most, each with an embedding of its own. */
const SENTENCES = 2;

/** What the encoders of the table are that checkpoints can be taken in as. */
const WHAT = {
  'bert-base-uncased': 'the encoder of BERT-base (uncased) by the names of Hugging Face',
  'lavt-bert': 'the encoder of BERT-base (uncased) that LAVT has trained, by the names of Hugging Face',
} as const;

/** Tensors keep their names, without the `bert.` of whole models. */
export function bertEncoder(
  name: keyof typeof WHAT = 'bert-base-uncased',
  shape: BertShape = TEXT_ENCODERS[name].shape,
): Architecture {
  const { layers, dims, inner, vocabulary, places } = shape;
  const norm = (part: string) => [asItIs(`${part}.weight`, [dims]), asItIs(`${part}.bias`, [dims])];
  const dense = (part: string, from: number, to: number) => [
    asItIs(`${part}.weight`, [to, from]),
    asItIs(`${part}.bias`, [to]),
  ];
  const layer = (at: string) => [
    ...['query', 'key', 'value'].flatMap((part) => dense(`${at}.attention.self.${part}`, dims, dims)),
    ...dense(`${at}.attention.output.dense`, dims, dims),
    ...norm(`${at}.attention.output.LayerNorm`),
    ...dense(`${at}.intermediate.dense`, dims, inner),
    ...dense(`${at}.output.dense`, inner, dims),
    ...norm(`${at}.output.LayerNorm`),
  ];
  return {
    name,
    what: WHAT[name],
    landmark: 'embeddings.word_embeddings.weight',
    tensors: [
      asItIs('embeddings.word_embeddings.weight', [vocabulary, dims]),
      asItIs('embeddings.position_embeddings.weight', [places, dims]),
      asItIs('embeddings.token_type_embeddings.weight', [SENTENCES, dims]),
      ...norm('embeddings.LayerNorm'),
      ...Array.from({ length: layers }, (_, i) => layer(`encoder.layer.${i}`)).flat(),
    ],
    leftOut: [
      { names: /^pooler\./, what: 'the pooler' },
      { names: /^embeddings\.position_ids$/, what: 'numbers of places' },
    ],
    plain: plainName,
  };
}
