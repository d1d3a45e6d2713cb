import { homedir } from 'node:os';
import { CodedError } from '@adclick/ortgrad';
import { expect, test } from 'vitest';
import { fail, STUDIO_ERRORS, specOf } from './errors.ts';
import { forPage, pageLine, withoutPlaces } from './page-errors.ts';

const ROOT = '/srv/factory data/bracket';

test.each(Object.keys(STUDIO_ERRORS))('%s: the page is told nothing of a command line', (code) => {
  const { page, next } = specOf(code) as { page?: string; next: string };
  expect(page ?? next).not.toMatch(/`|adclick [a-z]|--[a-z]/);
});

test.each([
  [`${ROOT}/.adclick/index/0a1b`, '.adclick/index/0a1b'],
  [ROOT, 'the project'],
  [`No folder at ${ROOT}.`, 'No folder at the project.'],
  ['No folder at /srv/other/bracket2', 'No folder at bracket2'],
  [`EACCES: permission denied, open '${ROOT}/test/dent/1.png'`, "EACCES: permission denied, open 'test/dent/1.png'"],
  [`${homedir()}/.cache/x.bin`, '~/.cache/x.bin'],
  ['no such file in /opt/app/node_modules/core/models or /usr/lib/models', 'no such file in models or models'],
  ["ENOENT: open 'C:\\Users\\ada\\parts\\a.png'", "ENOENT: open 'a.png'"],
  ['3/4 of it, and and/or', '3/4 of it, and and/or'],
  ['/api/v1/openapi.json lists every route', '/api/v1/openapi.json lists every route'],
  ['http://localhost:11434/v1 did not answer', 'http://localhost:11434/v1 did not answer'],
])('%s', (text, shown) => {
  expect(withoutPlaces(text, ROOT)).toBe(shown);
});

test('message and next step are made anew, for a job as one line; what is unknown loses its places too', () => {
  const missing = fail('ADC_INDEX_MISSING', { path: `${ROOT}/.adclick/index/0a1b` });
  expect(pageLine(missing, ROOT)).toBe(
    'ADC_INDEX_MISSING: No reference index at .adclick/index/0a1b. ' +
      'Press “Look at new good pictures” under Import, export and background work (Shift+E).',
  );
  const strange = new CodedError('ADC_FUTURE', `${ROOT}/a.png is odd`, 'Look.', 1, 500, {});
  expect(forPage(strange, ROOT)).toEqual({ code: 'ADC_FUTURE', message: 'a.png is odd', next: 'Look.' });
});
