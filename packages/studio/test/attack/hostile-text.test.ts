/** Texts that others wrote, made to be slow to read: each is read or refused in time that grows with its length alone. */
import { objectName, tidyPrompt } from '@adclick/core/language';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { plainWords } from '../../../core/src/language/prompts.ts';
import { errorLine, fail } from '../../src/errors.ts';
import { parseJson } from '../../src/exchange/json.ts';
import { labelStudio } from '../../src/exchange/label-studio.ts';
import { matchPictures, PictureFinder } from '../../src/exchange/match.ts';
import { pictureName, safePath } from '../../src/exchange/paths.ts';
import { openMemory } from '../../src/exchange/source.ts';
import { readLabels } from '../../src/exchange/voc-labels.ts';
import { parseXml, readXml } from '../../src/exchange/xml.ts';
import { numbersOf } from '../../src/exchange/yolo-lines.ts';
import { distinctFileName, fileName } from '../../src/file-name.ts';
import { withoutPlaces } from '../../src/page-errors.ts';
import { endingOf, withoutSlashes } from '../../src/path-parts.ts';
import { expression } from '../../src/project/category-pictures.ts';
import { isGoodName, maskedStem } from '../../src/project/folder-names.ts';
import { phrasesIn } from '../../src/prompts/language-model.ts';

/** Milliseconds that a text may take, on a machine that does other things as well; what grows with the square takes minutes. */
const BUDGET = 10_000;
const LONG = 1_000_000;

const bytes = (text: string) => new TextEncoder().encode(text);
const json = (text: string) => parseJson(bytes(text), 'a.json', z.unknown());
const studioTasks = async (tasks: unknown) => {
  const source = openMemory(new Map([['tasks.json', bytes(JSON.stringify(tasks))]]));
  for await (const image of labelStudio.read(source, { leftOut: () => undefined })) void image;
};
const region = (id: string, label: string) => ({ id, type: 'labels', value: { labels: [label] } });
const rows = (text: string) =>
  readLabels(openMemory(new Map([['labelmap.txt', bytes(text.slice(0, 2 ** 20))]])), () => undefined);

const CASES: readonly (readonly [string, () => unknown])[] = [
  ['JSON: quotes behind backslashes in a text without end', () => json(`[NaN, "${'\\"'.repeat(LONG / 2)}`)],
  ['JSON: a long text beside what is no number', () => json(`[NaN, "${'x'.repeat(20 * LONG)}"]`)],
  ['JSON: many texts beside what is no number', () => json(`[NaN${', "\\\\"'.repeat(LONG)}]`)],
  ['JSON: brackets without end', () => json('['.repeat(LONG))],
  ['JSON: one number of many digits', () => json(`[${'9'.repeat(LONG)}]`)],
  ['XML: elements on one line', () => parseXml(`<a>${'<b/>'.repeat(LONG - 10)}</a>`, 'a.xml')],
  ['XML: blanks in a tag', () => parseXml(`<a${' '.repeat(LONG)}!`, 'a.xml')],
  ['XML: a name of an attribute without value', () => parseXml(`<a ${'b'.repeat(LONG)}${' '.repeat(LONG)}>`, 'a.xml')],
  [
    'XML: attributes without end',
    () => parseXml(`<a ${Array.from({ length: LONG / 4 }, (_, i) => `b${i}="" `).join('')}`, 'a.xml'),
  ],
  ['XML: elements inside each other', () => parseXml('<a>'.repeat(LONG), 'a.xml')],
  ['XML: ampersands', () => parseXml(`<a>${'&amp;'.repeat(LONG)}</a>`, 'a.xml')],
  ['XML: comments', () => parseXml(`<a>${'<!---->'.repeat(LONG)}</a>`, 'a.xml')],
  ['XML: entities that multiply', () => parseXml('<!DOCTYPE a [<!ENTITY b "bb">]><a>&b;</a>', 'a.xml')],
  ['XML: a declaration without end', () => readXml(bytes(`<?xml ${' encoding'.repeat(LONG)}`), 'a.xml')],
  ['YOLO: a number of many digits', () => numbersOf(`0 ${'1'.repeat(LONG)}x`)],
  ['YOLO: a fraction of many digits', () => numbersOf(`0 ${'1'.repeat(LONG)}.${'1'.repeat(LONG)}x`)],
  ['YOLO: blanks', () => numbersOf(`0${' '.repeat(LONG)}0`)],
  ['VOC: a label of colons', () => rows(':'.repeat(LONG))],
  ['VOC: a label of digits', () => rows(`a:1,1,${'1'.repeat(LONG)}x`)],
  ['VOC: a label of colours', () => rows(':1,1,1'.repeat(LONG / 6))],
  ['VOC: a label of blanks', () => rows(`a:1${' '.repeat(LONG / 2)},1${' '.repeat(LONG / 2 - 20)}`)],
  [
    'Label Studio: question marks in an address',
    () => studioTasks([{ data: { image: `${'?'.repeat(LONG)}\n` }, annotations: [] }]),
  ],
  [
    'Label Studio: an upload of digits',
    () => studioTasks([{ data: { image: `upload/${'1'.repeat(LONG)}` }, annotations: [] }]),
  ],
  [
    'Label Studio: an address of letters',
    () => studioTasks([{ data: { x: `${'a'.repeat(LONG)}:/` }, annotations: [] }]),
  ],
  [
    'Label Studio: results of one number',
    () =>
      studioTasks([{ data: { image: 'a.png' }, annotations: [{ result: Array(100_000).fill(region('r', 'dent')) }] }]),
  ],
  ['names: blanks before another letter', () => fileName(`a${' '.repeat(LONG)}b`)],
  ['names: dots before another letter', () => distinctFileName(`a${' .'.repeat(LONG)}b`)],
  ['names: a device and blanks', () => fileName(`con${' '.repeat(LONG)}x`)],
  ['paths: slashes before another letter', () => withoutSlashes(`a${'/'.repeat(LONG)}b`)],
  ['paths: dots', () => endingOf(`a${'.'.repeat(LONG)}/`)],
  ['paths: dots and letters', () => endingOf(`${'a.b'.repeat(LONG)}/`)],
  ['paths: a picture of slashes', () => refused(() => pictureName('/'.repeat(LONG), 'a.json'))],
  ['paths: a picture of dots', () => refused(() => pictureName('../'.repeat(LONG), 'a.json'))],
  ['paths: a file of slashes', () => refused(() => safePath('/'.repeat(LONG), 'a.json'))],
  ['patterns of stars and a name that nearly matches', () => expression(`${'*a'.repeat(20)}*b`).test('a'.repeat(255))],
  ['patterns of letters and stars', () => expression(`*${'a*'.repeat(100)}b`).test('a'.repeat(100_000))],
  ['folders: underscores', () => maskedStem(`${'_mask'.repeat(LONG / 5)}x`)],
  ['folders: digits', () => isGoodName(`ok${'1'.repeat(10_000)}x`)],
  ['errors: blanks', () => errorLine(fail('ADC_INTERNAL', { what: `a${' '.repeat(LONG)}b` }))],
  ['errors: ends of lines', () => errorLine(fail('ADC_INTERNAL', { what: `a${' \n'.repeat(LONG)}b` }))],
  ['errors for the page: a path of letters', () => withoutPlaces(`=/${'a'.repeat(LONG)}`, '/p')],
  ['errors for the page: a path of slashes', () => withoutPlaces(` ${'/a'.repeat(LONG)}/`, '/p')],
  ['errors for the page: paths in brackets', () => withoutPlaces('(/a=/a'.repeat(LONG / 6), '/p')],
  ['errors for the page: beginnings', () => withoutPlaces(`${'=/='.repeat(LONG / 3)}/`, '/p')],
  ['prompts: blanks behind a fence', () => phrasesIn(`\`\`\`${' '.repeat(LONG)}`, 'a', 'b')],
  ['prompts: fences', () => phrasesIn('```json '.repeat(LONG / 8), 'a', 'b')],
  ['prompts: brackets', () => phrasesIn('{'.repeat(LONG), 'a', 'b')],
  ['prompts: a phrase of blanks', () => tidyPrompt(`a${' '.repeat(LONG)}b`)],
  ['words: capitals', () => plainWords('aA'.repeat(LONG / 2))],
  ['words: digits', () => objectName(`a${' 1'.repeat(LONG / 2)}x`)],
];

/** Whether something threw a coded error, rather than going through. */
function refused(work: () => unknown): void {
  expect(work).toThrow(expect.objectContaining({ code: expect.stringMatching(/^ADC_/) }));
}

describe('in time that grows with its length', () => {
  test.each(CASES)('%s', async (_, work) => {
    const start = performance.now();
    // Whether it is refused or read, others say; nothing but an error with a code may come of it.
    await Promise.resolve()
      .then(work)
      .catch((error: unknown) => expect(error).toMatchObject({ code: expect.stringMatching(/^ADC_EXCHANGE_/) }));
    expect(performance.now() - start).toBeLessThan(BUDGET);
  });
});

test('images and pictures of one name by the hundred thousand', () => {
  const pictures = Array.from({ length: 150_000 }, (_, i) => ({ path: `${i}/a.png`, width: 1, height: 1 }));
  const finder = new PictureFinder(pictures);
  expect(finder.find('a.png')).toContain('it could be any of 150000 pictures');
  const images = Array.from({ length: 150_000 }, (_, i) => ({ path: `x/${i}/b.png`, width: 1, height: 1 }));
  const start = performance.now();
  const { matches, failures } = matchPictures(images, new PictureFinder([{ path: 'b.png', width: 1, height: 1 }]));
  expect(performance.now() - start).toBeLessThan(2 * BUDGET);
  expect([matches.size, failures.length]).toEqual([0, 150_000]);
});

describe('what is faster reads as before', () => {
  test('texts beside what is no number', () => {
    expect(json('["NaN", NaN, -Infinity, "a\\"NaN", {"Infinity": Infinity}]')).toEqual([
      'NaN',
      'NaN',
      '-Infinity',
      'a"NaN',
      { Infinity: 'Infinity' },
    ]);
  });

  test.each(['1', '+1.', '.5', '-0.25e-3', '1e5'])('%s is a number of YOLO', (word) => {
    expect(numbersOf(`0 ${word}`)).toEqual([0, Number(word)]);
  });
  test.each(['.', '1.2.3', 'e5', '0x1', '1e'])('%s is none', (word) => {
    expect(numbersOf(`0 ${word}`)).toContain(word);
  });

  test.each([
    ['*', 'anything.png', true],
    ['a*b', 'ab', true],
    ['a*b', 'aXb', true],
    ['a*b', 'aba', false],
    ['*ab*ab', 'abab', true],
    ['*ab*ab', 'xabyabab', true],
    ['*ab*ab', 'ab', false],
    ['a*b*c*d', 'abbccdd', true],
    ['part[1].*', 'PART[1].png', true],
    ['part', 'party', false],
  ])('the pattern %s and the name %s', (pattern, name, is) => {
    expect(expression(pattern).test(name)).toBe(is);
  });

  test('lines of XML are counted', () => {
    expect(parseXml('<a>\n\n<b/><c/>\n<d/></a>', 'a.xml').children.map(({ line }) => line)).toEqual([3, 3, 4]);
    expect(() => parseXml('<a>\n\n<b>\n</a>', 'a.xml')).toThrow(/line 4/);
  });

  test('dots and blanks at the ends of names become underscores', () => {
    expect(fileName('. a. b .')).toMatch(/^__a\. b__-[0-9a-f]{8}$/);
  });
});
