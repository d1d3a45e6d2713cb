import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { encodeSafetensors, Runtime, readSafetensors, type Tensor, tensor, toFloat32 } from '@adclick/ortgrad';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type EncodedText, TEXT_ENCODERS, TextModel } from './text-encoder.ts';
import { sentenceFeatures, textFeatures } from './text-features.ts';
import { TOKENS, WordPiece } from './tokenizer.ts';

// By packages/core/test/golden_text.py: a BERT in plain PyTorch (float32, the same float16 weights) and a WordPiece of its own.
const { tensors: golden, metadata } = await readSafetensors(
  fileURLToPath(new URL('fixtures/golden_text.safetensors', import.meta.url)),
);
const sentences = JSON.parse(metadata.sentences) as string[];
const positions = JSON.parse(metadata.positions) as number[];
const want = (name: string) => golden.get(name) as Tensor;

let runtime: Runtime;
let model: TextModel;
let encoded: EncodedText;
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'adclick-text-'));
  runtime = await Runtime.start();
  model = await TextModel.load({ runtime });
  encoded = await model.encode(sentences);
});
afterAll(async () => {
  await runtime.close();
  await rm(folder, { recursive: true });
});

/** Values at the fixture's positions of rows of (tokens, dims). */
function kept({ features, dims }: { readonly features: Float32Array; readonly dims: number }): number[] {
  const out: number[] = [];
  for (let row = 0; row < features.length; row += TOKENS * dims)
    for (const position of positions)
      out.push(...features.subarray(row + position * dims, row + (position + 1) * dims));
  return out;
}

/** Largest difference, relative to the reference's largest magnitude (about 6). */
function difference(got: readonly number[], wanted: Float32Array): number {
  expect(got.length).toBe(wanted.length);
  const scale = wanted.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  return got.reduce((worst, value, i) => Math.max(worst, Math.abs(value - wanted[i])), 0) / scale;
}

test('word pieces and masks are the reference: cut, padded, unknown, accented, empty', async () => {
  const rows = (await WordPiece.read(TEXT_ENCODERS['minilm-l6'].tokenizer())).rows(sentences);
  expect([...rows.ids]).toEqual([...(want('ids').data as BigInt64Array)]);
  expect([...rows.mask]).toEqual([...(want('mask').data as Uint8Array)]);
  const lengths = sentences.map((_, i) => rows.mask.subarray(i * TOKENS, (i + 1) * TOKENS).reduce((a, b) => a + b, 0));
  expect(Math.max(...lengths)).toBe(TOKENS);
  expect(Math.min(...lengths)).toBe(2);
});

test('the last hidden state equals PyTorch, at padded positions too', () => {
  expect([encoded.count, encoded.tokens, encoded.dims]).toEqual([sentences.length, 20, 384]);
  expect(difference(kept(encoded), toFloat32(want('hidden')))).toBeLessThan(1e-5);
});

test.each(['any', 'all'] as const)('the mean over prompts under the rule %s equals PyTorch', (rule) => {
  const { features, mask, dims } = textFeatures(encoded, rule);
  const valid = want('mask').data as Uint8Array;
  const having = Array.from(
    { length: TOKENS },
    (_, t) => sentences.filter((_, i) => valid[i * TOKENS + t] === 1).length,
  );
  expect([...mask]).toEqual(having.map((count) => Number(rule === 'any' ? count > 0 : count === sentences.length)));
  expect(difference(kept({ features, dims }), toFloat32(want(rule)))).toBeLessThan(1e-5);
});

describe('TextModel', () => {
  test('a sentence alone gives what it gives among others', async () => {
    const alone = await model.encode([sentences[4]]);
    expect(difference([...alone.features], sentenceFeatures(encoded, 4).features)).toBeLessThan(1e-6);
    expect([...alone.mask]).toEqual([...sentenceFeatures(encoded, 4).mask]);
  });

  test('takes the names of files that hold whole BERT models, old and new', async () => {
    const { tensors } = await readSafetensors(TEXT_ENCODERS['minilm-l6'].weights());
    const old = (name: string) =>
      `bert.${name.replace(/LayerNorm\.weight$/, 'LayerNorm.gamma').replace(/LayerNorm\.bias$/, 'LayerNorm.beta')}`;
    const weightsPath = join(folder, 'whole.safetensors');
    const renamed = new Map([...tensors].map(([name, value]) => [old(name), value]));
    renamed.set('cls.predictions.bias', tensor(new Float32Array(3), [3]));
    await writeFile(weightsPath, encodeSafetensors(renamed));
    const whole = await TextModel.load({ runtime, weightsPath });
    expect((await whole.encode(sentences)).features).toEqual(encoded.features);
    await whole.close();
  });

  test('weights and vocabularies that do not fit are named', async () => {
    const load = (options: object) => TextModel.load({ runtime, ...options });
    await expect(load({ weightsPath: '/nowhere.safetensors' })).rejects.toMatchObject({ code: 'ADC_WEIGHTS_DAMAGED' });
    for (const encoder of ['bert-base-uncased', 'lavt-bert'])
      await expect(load({ encoder })).rejects.toMatchObject({
        code: 'ADC_NETWORK_MISSING',
        details: { name: encoder },
      });
    const weightsPath = TEXT_ENCODERS['minilm-l6'].weights();
    await expect(load({ encoder: 'bert-base-uncased', weightsPath })).rejects.toThrow(/\[30522, 384\] and should be/);
    const tokenizerPath = join(folder, 'tokenizer.json');
    await writeFile(tokenizerPath, '{"model":');
    await expect(load({ tokenizerPath })).rejects.toThrow(/tokenizer\.json/);
  });
});

test('the mean leaves out prompts without a token at a position, or takes padding in', () => {
  const text: EncodedText = {
    features: Float32Array.of(1, 3, 5, 9),
    mask: Uint8Array.of(1, 0, 1, 1),
    count: 2,
    tokens: 2,
    dims: 1,
  };
  expect(textFeatures(text)).toMatchObject({ features: Float32Array.of(3, 9), mask: Uint8Array.of(1, 1) });
  expect(textFeatures(text, 'all')).toMatchObject({ features: Float32Array.of(3, 6), mask: Uint8Array.of(1, 0) });
  const none = { ...text, mask: Uint8Array.of(1, 0, 1, 0) };
  expect(textFeatures(none)).toMatchObject({ features: Float32Array.of(3, 0), mask: Uint8Array.of(1, 0) });
  expect(() => textFeatures({ ...text, count: 0 })).toThrow(RangeError);
  expect(() => sentenceFeatures(text, 2)).toThrow(RangeError);
});
