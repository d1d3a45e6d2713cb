import { CodedError } from '@adclick/ortgrad';
import { expect, test } from 'vitest';
import { fail, STUDIO_ERRORS, toCoded } from '../errors.ts';
import { fromWire, toWire } from './wire-error.ts';

test.each(Object.keys(STUDIO_ERRORS))('%s is the same error on the other side', (code) => {
  const error = fail(code as keyof typeof STUDIO_ERRORS, { path: 'a.png' });
  const arrived = fromWire(structuredClone(toWire(error)));
  expect(arrived).toBeInstanceOf(CodedError);
  const { name, message, next, exit, status, passing, details } = error;
  expect(arrived).toMatchObject({ name, code, message, next, exit, status, passing, details });
});

test('an error that nobody foresaw says nothing about the picture', () => {
  const arrived = fromWire(structuredClone(toWire(new TypeError('x is not a function'))));
  expect(toCoded(arrived)).toMatchObject({ code: 'ADC_INTERNAL', passing: true });
});
