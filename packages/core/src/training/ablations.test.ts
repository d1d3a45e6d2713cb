import { expect, test } from 'vitest';
import { Random } from '../random.ts';
import { ablatedDetector, ablatedSeg } from './ablations.ts';
import { drawPerturbation, triValued } from './pseudo-labels.ts';
import { PUBLISHED_SEG } from './published.ts';
import { DETECTOR_TRAINING } from './train-detector.ts';

test('all switches on are the settings themselves', () => {
  const all = { pretrain: true, iis: true, language: true, abandon: true };
  expect(ablatedSeg(PUBLISHED_SEG, all)).toEqual(PUBLISHED_SEG);
  expect(ablatedDetector(DETECTOR_TRAINING, all)).toEqual(DETECTOR_TRAINING);
});

test('without abandoning every pixel of a label counts, without clicks none is drawn', () => {
  const off = { pretrain: false, iis: false, language: false, abandon: false };
  const { pseudo, corrections } = ablatedSeg(PUBLISHED_SEG, off);
  const own = ablatedDetector(DETECTOR_TRAINING, off);
  expect([corrections, own.pretrained, own.language]).toEqual([0, false, false]);
  for (const each of [pseudo, own.loop.pseudo]) {
    const kappa = drawPerturbation(new Random(1), each);
    expect([...triValued(Float32Array.of(0.1, 0.49, 0.51, 0.9), kappa)]).toEqual([0, 0, 1, 1]);
  }
});
