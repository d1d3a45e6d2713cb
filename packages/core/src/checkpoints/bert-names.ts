/** BERT's encoder by Hugging Face's names, as text encoders of the table read it; the pooler and the heads are left out. */
import { type BertShape, plainName } from '../language/bert.ts';
import { TEXT_ENCODERS } from '../language/text-encoder.ts';
import { type Architecture, asItIs } from './architecture.ts';

/** Sentences that a pair has at most, each with an embedding of its own. */
const SENTENCES = 2;

/** Tensors keep their names, without the `bert.` of whole models. */
export function bertEncoder(shape: BertShape = TEXT_ENCODERS['bert-base-uncased'].shape): Architecture {
  const { layers, dims, inner, vocabulary, places } = shape;
  const norm = (name: string) => [asItIs(`${name}.weight`, [dims]), asItIs(`${name}.bias`, [dims])];
  const dense = (name: string, from: number, to: number) => [
    asItIs(`${name}.weight`, [to, from]),
    asItIs(`${name}.bias`, [to]),
  ];
  const layer = (name: string) => [
    ...['query', 'key', 'value'].flatMap((part) => dense(`${name}.attention.self.${part}`, dims, dims)),
    ...dense(`${name}.attention.output.dense`, dims, dims),
    ...norm(`${name}.attention.output.LayerNorm`),
    ...dense(`${name}.intermediate.dense`, dims, inner),
    ...dense(`${name}.output.dense`, inner, dims),
    ...norm(`${name}.output.LayerNorm`),
  ];
  return {
    name: 'bert-base-uncased',
    what: 'the encoder of BERT-base (uncased) by the names of Hugging Face',
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
