import { readFileSync } from 'node:fs';
import { CodedError, type ErrorSpec } from '@adclick/ortgrad';
import { describe, expect, test } from 'vitest';
import { errorLine, fail, STUDIO_ERRORS, toCoded } from './errors.ts';

const docs = readFileSync(new URL('../../../docs/errors.md', import.meta.url), 'utf8');
const entries = new Map(
  docs
    .split(/^### /m)
    .slice(1)
    .map((entry) => {
      const [code = '', ...rest] = entry.split('\n');
      return [code, rest.join('\n')] as const;
    }),
);

describe('docs/errors.md', () => {
  test('has exactly the codes of the tables', () => {
    expect([...entries.keys()].sort()).toEqual(Object.keys(STUDIO_ERRORS).sort());
  });

  test.each(Object.entries(STUDIO_ERRORS))('%s has cause, mend and exit code', (code, { exit }) => {
    const entry = entries.get(code) ?? '';
    expect(entry).toMatch(/^- Cause: .{20}/m);
    expect(entry).toMatch(/^- Mend: .{10}/m);
    expect(entry).toMatch(new RegExp(`^Exit ${exit}[.,]`, 'm'));
  });
});

test.each(['by itself', 'once mended'])('docs/errors.md names the codes that pass %s, and no others', (how) => {
  const [, list = ''] = new RegExp(`${how}[^\\n]*:\n((?:ADC_[^\\n]*\n)+)`, 'i').exec(docs) ?? [];
  const passing = Object.entries(STUDIO_ERRORS as Record<string, ErrorSpec>).filter(([, spec]) => spec.passing === how);
  expect(list.match(/ADC_\w+/g)).toEqual(passing.map(([code]) => code).sort());
});

describe('error lines', () => {
  test('name code, value and next step on one line', () => {
    const line = errorLine(fail('ADC_PROJECT_MISSING', { path: '/parts/adclick.yaml', folder: '/parts' }));
    expect(line).toBe('ADC_PROJECT_MISSING: No project file at /parts/adclick.yaml. Run `adclick init /parts` first.');
  });

  test('stay one line when the value has several', () => {
    expect(errorLine(fail('ADC_INTERNAL', { what: 'first\n  second' }))).not.toContain('\n');
  });

  test('tell a terminal nothing that it would obey', () => {
    const line = errorLine(fail('ADC_INTERNAL', { what: 'a\u001b[2Jb\u0007c\u202ed\u009be \u00e9\u4e2d' }));
    expect(line).toContain('a?[2Jb?c?d?e \u00e9\u4e2d');
  });

  test('an unknown error becomes ADC_INTERNAL and is kept as cause', () => {
    const cause = new TypeError('x is not a function');
    const coded = toCoded(cause);
    expect(coded).toBeInstanceOf(CodedError);
    expect(coded.code).toBe('ADC_INTERNAL');
    expect(coded.message).toContain('x is not a function');
    expect(coded.cause).toBe(cause);
  });
});
