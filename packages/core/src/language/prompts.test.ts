import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { offlinePrompts, plainWords } from './prompts.ts';

/** Names of defect types in public data sets of industrial inspection, and a few that nobody foresaw. */
const TYPES =
  'broken_large contamination metal_contamination scratch bent_wire cable_swap missing_cable cut_inner_insulation poke squeeze faulty_imprint crack color cut hole thread fold glue print flip pill_type split_teeth thread_side scratch_neck gray_stroke oil rough defective damaged_case misplaced combined liquid fabric_border squeezed_teeth pitting MT_Blowhole MT_Fray uneven mousebite spur short open pin-hole missing-paint oil-stain defect_002 7 Kratzer éraflure xylophonic_zorp brokenLarge false_ng good'.split(
    ' ',
  );
const OBJECTS = ['bottle', 'metal_plate', 'transistor', '01', 'Größe', 'pcb-3'];

describe('offlinePrompts', () => {
  test.each(TYPES)('%s: forty and a hundred distinct short lowercase phrases with the object', (defect) => {
    for (const object of OBJECTS) {
      const phrases = offlinePrompts(defect, object, 100);
      expect(new Set(phrases).size).toBe(100);
      for (const phrase of phrases) {
        expect(phrase).toBe(phrase.toLowerCase());
        expect(phrase).toMatch(/^\S+( \S+){2,9}$/);
        expect(` ${phrase} `).toContain(` ${plainWords(object)} `);
        const words = phrase.split(' ');
        expect(words.some((word, i) => word === words[i + 1])).toBe(false);
      }
      expect(offlinePrompts(defect, object)).toEqual(phrases.slice(0, 40));
    }
  });

  test('any name of Latin letters does', () => {
    const word = fc.stringMatching(/^[a-z]{1,12}$/);
    const name = fc.array(word, { minLength: 1, maxLength: 3 }).map((words) => words.join('_'));
    fc.assert(
      fc.property(name, name, (defect, object) => {
        const phrases = offlinePrompts(defect, object);
        return new Set(phrases).size === 40 && phrases.every((phrase) => phrase.includes(plainWords(object)));
      }),
    );
  });

  test('speak of what the name means, in varied words, from the first few on', () => {
    const of = (defect: string, count = 40) => offlinePrompts(defect, 'bottle', count).join('; ');
    for (const word of ['scratch', 'scrape', 'scuff', 'small', 'large', 'edge', 'middle'])
      expect(of('scratch')).toContain(word);
    for (const phrase of offlinePrompts('broken_large', 'bottle')) expect(phrase).not.toMatch(/small|tiny|slight/);
    expect(of('broken_small')).toContain('tiny');
    expect(of('broken')).toMatch(/(broken|fractured|damaged|shattered|snapped) bottle|bottle (is|that is visibly) /);
    expect(of('missing_cable', 100)).toContain('absent cable');
    expect(of('metal_contamination', 100)).toContain('metal residue');
    expect(of('false_ng')).toBe(of('contamination'));
    expect(of('good')).not.toMatch(/scratch|broken/);
    expect(of('good')).toContain('intact');
    expect(of('zorp')).toContain('zorp');
    for (const phrase of offlinePrompts('missing_cable', 'plug', 100)) expect(phrase).toMatch(/cable/);
  });

  test.each([
    ['', 'bottle', /defect "": it is empty/],
    ['  ', 'bottle', /defect " {2}": it is empty/],
    ['划痕', 'bottle', /defect "划痕": it has no Latin letter/],
    ['царапина', 'bottle', /no Latin letter/],
    ['___', 'bottle', /no Latin letter/],
    ['scratch', '瓶', /object "瓶"/],
    ['a_b_c_d_e_f', 'bottle', /7 words, and 6 fit/],
  ])('%s of %s is refused by name', (defect, object, message) => {
    expect(() => offlinePrompts(defect, object)).toThrow(message);
    expect(() => offlinePrompts(defect, object)).toThrow(expect.objectContaining({ code: 'ADC_PROMPT_NAME' }));
  });

  test('a name that is Latin in part keeps that part', () => {
    expect(offlinePrompts('划痕_scratch', 'bottle')).toEqual(offlinePrompts('scratch', 'bottle'));
    expect(plainWords('MT_Blowhole')).toBe('mt blowhole');
    expect(plainWords('ÉrafluresFines 2')).toBe('eraflures fines 2');
  });
});
