/** Other methods from the command line, on the pictures and under the clicks that ADClick is evaluated with. */
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ClickAnswer, DetectionAnswer } from '@adclick/core/evaluation';
import { writeSampleProduct } from '@adclick/core/synthesis';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { adclick, errorCode } from './command.ts';

const FIXTURES = join(import.meta.dirname, '../../core/src/rivals/fixtures');
const [ENCODER, DECODER] = ['encoder.onnx', 'decoder.onnx'].map((name) => join(FIXTURES, name));

let data: string;
beforeAll(async () => {
  data = await mkdtemp(join(tmpdir(), 'adclick-rivals-'));
  const size = { width: 128, height: 128 };
  const count = { normals: 6, testGoods: 3, defectsPerType: 2 };
  await writeSampleProduct(join(data, 'ring'), 'machined-ring', { ...count, ...size });
});
afterAll(() => rm(data, { recursive: true, force: true }));

const evaluate = (what: string, ...more: readonly string[]) =>
  adclick(['evaluate', what, '--data', data, '--category', 'ring', ...more]);

test('an exported pair of Segment Anything is clicked on, and has no figures for rules that it has not', async () => {
  const report = join(data, 'sam.html');
  const pair = `sam:${ENCODER},${DECODER}`;
  const ended = await evaluate(
    'clicks',
    '--rival',
    pair,
    '--clicks',
    '2',
    '--limit',
    '2',
    '--report',
    report,
    '--json',
  );
  expect(ended).toMatchObject({ code: 0 });
  const answer = JSON.parse(ended.stdout) as ClickAnswer;
  expect(answer).toMatchObject({ category: 'ring', images: 2, weights: 'sam:encoder.onnx,decoder.onnx' });
  expect(Object.keys(answer.clicks)).toEqual(['1', '2']);
  expect(answer.paperClicks).toBeUndefined();
  expect(answer.offCentreClicks).toBeDefined();
  const page = await readFile(report, 'utf8');
  expect(page).toContain('sam:encoder.onnx,decoder.onnx');
  // A logit above 0 is a probability above one half.
  expect(page).toContain('probability exceeds 0.5.');
  const lines = (await evaluate('clicks', '--rival', pair, '--clicks', '1', '--limit', '1')).stdout;
  expect(lines).not.toContain('without the rules of a click');
});

test('PatchCore stands beside the residual alone, with its report and its maps', async () => {
  const [report, maps] = [join(data, 'patchcore.html'), join(data, 'maps')];
  const more = [
    '--rival',
    'patchcore',
    '--pixels',
    '128',
    '--leave-out',
    '2',
    '--report',
    report,
    '--maps',
    maps,
    '--json',
  ];
  const ended = await evaluate('detection', ...more);
  expect(ended).toMatchObject({ code: 0 });
  const answer = JSON.parse(ended.stdout) as DetectionAnswer;
  expect(answer).toMatchObject({
    detector: 'patchcore (efficientnet-lite0)',
    from: 'rival',
    images: answer.defects + 3,
  });
  expect(answer.labels).toEqual({ count: 0, picks: 'none' });
  expect(answer.notes).toEqual(['153 descriptors in the bank.']);
  expect(answer.decisions).toBeUndefined();
  expect(answer.iauroc).toBeGreaterThan(0.5);
  expect(answer.unsupervised.ap).not.toBe(answer.ap);
  expect(await readFile(report, 'utf8')).toContain('another method, on the same good pictures');
  expect(await readdir(join(maps, 'ring', 'test', 'good'))).toHaveLength(3);
  const again = await evaluate('maps', '--maps', maps, '--leave-out', '2', '--json');
  const { ap, pro, iauroc } = JSON.parse(again.stdout) as DetectionAnswer;
  expect({ ap, pro, iauroc }).toEqual({ ap: answer.ap, pro: answer.pro, iauroc: answer.iauroc });
});

test.each([
  ['ADC_USAGE', 'clicks', ['--rival', 'ritm']],
  ['ADC_USAGE', 'clicks', ['--rival', `sam:${ENCODER}`]],
  ['ADC_USAGE', 'clicks', ['--rival', `sam:${ENCODER},${DECODER}`, '--no-zoom']],
  ['ADC_USAGE', 'clicks', ['--rival', 'simple-click-vit-b', '--prompt', 'none']],
  ['ADC_USAGE', 'clicks', ['--no-flip']],
  ['ADC_NETWORK_MISSING', 'clicks', ['--rival', 'simple-click-vit-b']],
  ['ADC_RIVAL', 'clicks', ['--rival', `sam:${DECODER},${ENCODER}`]],
  ['ADC_USAGE', 'detection', ['--rival', 'patchcore:resnet-18']],
  ['ADC_USAGE', 'detection', ['--rival', 'patchcore', '--weights', 'a.onnx']],
  ['ADC_USAGE', 'detection', ['--place', '0.1']],
  ['ADC_USAGE', 'detection', ['--rival', 'patchcore:toString']],
  ['ADC_USAGE', 'detection', ['--rival', 'patchcore', '--backbone', 'efficientnet-lite0']],
  ['ADC_USAGE', 'detection', ['--rival', 'patchcore', '--labels', '4', '--sliding']],
  ['ADC_USAGE', 'clicks', ['--rival', `sam:${ENCODER},${DECODER}`, '--backbone', 'efficientnet-lite0']],
])('%s: evaluate %s %j', async (code, what, more) => {
  const ended = await evaluate(what, ...more);
  expect(errorCode(ended)).toBe(code);
  expect(ended.code).toBe(code === 'ADC_USAGE' ? 2 : 1);
});
