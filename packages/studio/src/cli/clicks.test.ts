import fc from 'fast-check';
import { expect, test } from 'vitest';
import { formatClick, parseClick } from './clicks.ts';

test.each([
  ['12,34,+', { x: 12, y: 34, positive: true }],
  ['0,0,-', { x: 0, y: 0, positive: false }],
  [' 7 , 8 , + ', { x: 7, y: 8, positive: true }],
  ['12.9,3.2,+', { x: 12, y: 3, positive: true }],
  ['-5,3,+', { x: -5, y: 3, positive: true }],
])('%s is a click', (text, click) => expect(parseClick(text)).toEqual(click));

test.each(['12,34', '12,34,x', '12;34;+', 'bad.png', '', '1e3,2,+', '1,2,+,3', ','])('%s is none', (text) =>
  expect(parseClick(text)).toBeUndefined(),
);

test('what is formatted reads back', () =>
  fc.assert(
    fc.property(fc.nat(), fc.nat(), fc.boolean(), (x, y, positive) => {
      expect(parseClick(formatClick({ x, y, positive }))).toEqual({ x, y, positive });
    }),
  ));
