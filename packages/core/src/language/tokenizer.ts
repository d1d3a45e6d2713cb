/** Sentences as rows of word-piece numbers, all of one length. */
import { readFile } from 'node:fs/promises';
import { Tokenizer } from '@huggingface/tokenizers';
import { fail } from '../errors.ts';

/** Tokens of a sentence (T), with [CLS] and [SEP]: longer ones are cut, shorter ones padded. Spec: 20 in the published method. */
export const TOKENS = 20;

/** Number of [PAD] in BERT's vocabularies. */
const PAD = 0;

/** Tokenised sentences. */
export interface TokenRows {
  /** (count, {@link TOKENS}), row-major. */
  readonly ids: BigInt64Array;
  /** 1 where a sentence has a token, 0 where it is padded; (count, {@link TOKENS}). */
  readonly mask: Uint8Array;
  readonly count: number;
}

/** WordPiece with the vocabulary of a `tokenizer.json`. */
export class WordPiece {
  private constructor(private readonly tokenizer: Tokenizer) {}

  /** Reads a `tokenizer.json` of Hugging Face's layout. @throws ADC_WEIGHTS_DAMAGED when it is missing or not one. */
  static async read(path: string): Promise<WordPiece> {
    try {
      return new WordPiece(new Tokenizer(JSON.parse(await readFile(path, 'utf8')), {}));
    } catch (cause) {
      throw fail('ADC_WEIGHTS_DAMAGED', { path, what: cause instanceof Error ? cause.message : String(cause) }, cause);
    }
  }

  /**
   * Rows of numbers. A sentence that is too long loses its end, [SEP] included, as in the published method; the text encoder was
   * trained on whole sentences, but prompts of up to ten words fit.
   */
  rows(sentences: readonly string[]): TokenRows {
    const ids = new BigInt64Array(sentences.length * TOKENS).fill(BigInt(PAD));
    const mask = new Uint8Array(ids.length);
    for (const [row, sentence] of sentences.entries()) {
      const pieces = this.tokenizer.encode(sentence).ids.slice(0, TOKENS);
      for (const [column, id] of pieces.entries()) ids[row * TOKENS + column] = BigInt(id);
      mask.fill(1, row * TOKENS, row * TOKENS + pieces.length);
    }
    return { ids, mask, count: sentences.length };
  }
}
