/** Attention against PyTorch and finite differences. */
import { expect, test } from 'vitest';
import { input, pattern, testOps } from '../../test/suite.ts';
import { Graph, type Value } from '../graph.ts';
import { attention, selfAttention } from './attention.ts';

const square = input([2, 2, 3, 4]);
const windows = input([4, 2, 3, 4]);

/** The mask of golden.py: stream 50, (2, 1, 3, 3), in [-2, 0). */
const maskOf = (x: Value) => x.graph.constant(pattern(input([2, 1, 3, 3], -2, 0), 50), [2, 1, 3, 3]);

testOps('attention', [
  {
    name: 'attention',
    inputs: [square, square, square, input([2, 3, 3])],
    build: ([q, k, v, bias]) => attention(q, k, v, bias),
  },
  {
    name: 'attention without bias',
    inputs: [square, input([2, 2, 5, 4]), input([2, 2, 5, 2])],
    build: ([q, k, v]) => attention(q, k, v),
  },
  {
    name: 'attention with mask',
    inputs: [windows, windows, windows, input([2, 3, 3])],
    build: ([q, k, v, bias]) => attention(q, k, v, bias, { mask: maskOf(q), scale: 0.5 }),
  },
  {
    name: 'selfAttention',
    inputs: [input([2, 3, 24]), input([2, 3, 3])],
    build: ([qkv, bias]) => selfAttention(qkv, 2, bias, { scale: 0.5 }),
  },
]);

test('keys, values, biases and masks that do not fit are refused by both shapes', () => {
  const graph = new Graph();
  const q = graph.input('q', [2, 2, 3, 4]);
  expect(() => attention(q, graph.input('k', [2, 2, 3, 5]), q)).toThrow(/\[2, 2, 3, 4\] and \[2, 2, 3, 5\]/);
  expect(() => attention(q, q, graph.input('v', [2, 2, 4, 4]))).toThrow(/\[2, 2, 3, 4\] and \[2, 2, 4, 4\]/);
  expect(() => attention(q, q, q, graph.input('b', [3, 3]))).toThrow(/\[3, 3\] and \[2, 3, 3\]/);
  const mask = graph.input('m', [3, 1, 3, 3]);
  expect(() => attention(q, q, q, null, { mask })).toThrow(/\[3, 1, 3, 3\] and \[2, 2, 3, 3\]/);
  expect(() => selfAttention(graph.input('p', [2, 3, 10]), 2)).toThrow(/\[2, 3, 10\]/);
});
