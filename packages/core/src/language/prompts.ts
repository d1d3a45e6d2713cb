/** Prompts: short phrases that describe one defect type of one object (Eq. 5), as the text encoder reads them. */
import { fail } from '../errors.ts';
import { defectPhrases, normalPhrases } from './grammar.ts';

/** Prompts a defect type that enter its mean (n of Eq. 6), as in the published method. */
export const PROMPTS = 40;

/** Prompts that a language model is asked for (M of Eq. 5), so that enough are valid. */
export const PROMPTS_ASKED = 100;

/** Type name of pictures without a defect; their prompts say so. */
export const NORMAL_TYPE = 'good';

/** Type name of simulated defects, which the published method describes as a contamination. */
export const SIMULATED_TYPE = 'false_ng';

/** The phrases that describe a defect type; none where it has none. */
export type PromptsOf = (defect: string) => readonly string[] | Promise<readonly string[]>;

/** Most words that object and defect may have together, so that phrases around them keep to ten words. */
const LONGEST_NAMES = 6;
const WORDS = { least: 3, most: 10 };

/** Words of phrases that others write: more would not fit into the encoder's twenty tokens. */
const OTHERS_WORDS = { least: 2, most: 16 };
/** Letters of a word; no English word is longer, and the encoder knows no such word. */
const LONGEST_WORD = 40;

/** Letters that Unicode does not take apart into a Latin letter and an accent. */
const LIGATURES: Readonly<Record<string, string>> = {
  ß: 'ss',
  æ: 'ae',
  œ: 'oe',
  ø: 'o',
  ł: 'l',
  đ: 'd',
  ı: 'i',
  þ: 'th',
};

/** A folder or type name as lowercase words: `broken_large` and `brokenLarge` are "broken large"; accents go. Empty when no letter or digit is left. */
export function plainWords(name: string): string {
  return name
    .replace(/(\p{Ll})(\p{Lu})/gu, '$1 $2')
    .toLowerCase()
    .replace(/[ßæœøłđıþ]/g, (letter) => LIGATURES[letter])
    .normalize('NFKD')
    .replace(/\p{M}/gu, '')
    .replace(/[^a-z0-9]+/g, ' ')
    .trim();
}

/** Words that a product keeps of a folder's name. */
const OBJECT_WORDS = 3;

/** What a product is called in prompts, from a folder's name: its first words, without a number at the end. */
export const objectName = (folder: string): string =>
  plainWords(folder)
    .replace(/ [0-9]+$/, '')
    .split(' ')
    .slice(0, OBJECT_WORDS)
    .join(' ');

/** Words of a name; a bare number gets a noun before it. */
function namedWords(kind: 'defect' | 'object', name: string): string {
  const words = plainWords(name);
  if (words === '') {
    const what =
      name.trim() === '' ? 'it is empty' : 'it has no Latin letter or digit, and the text encoder reads English';
    throw fail('ADC_PROMPT_NAME', { kind, name: JSON.stringify(name), what });
  }
  if (/[a-z]/.test(words)) return words;
  return `${kind === 'defect' ? 'defect' : 'part'} ${words}`;
}

/** Candidates in an order whose every beginning is varied: steps of the golden section around the list. */
function spread(candidates: readonly string[]): string[] {
  const { length } = candidates;
  const common = (a: number, b: number): number => (b === 0 ? a : common(b, a % b));
  let step = Math.max(1, Math.round(length * 0.618));
  while (common(step, length) !== 1) step++;
  return candidates.map((_, i) => candidates[(i * step) % length]);
}

/**
 * Distinct lowercase phrases of 3–10 words, each with the object's words, made without a language model; the same for the same names.
 * @param defect name of the type, such as the folder name `broken_large`; `good` gives phrases for pictures without a defect,
 * `false_ng` those of a contamination.
 * @param object name of the product, such as `metal_nut`.
 * @param count how many, at most 100; a shorter list is the beginning of a longer one.
 * @throws ADC_PROMPT_NAME when a name has nothing the encoder can read, or both together are too long.
 */
export function offlinePrompts(defect: string, object: string, count = PROMPTS): string[] {
  const product = namedWords('object', object);
  const type = defect === SIMULATED_TYPE ? 'contamination' : namedWords('defect', defect);
  const words = `${type} ${product}`.split(' ').length;
  if (words > LONGEST_NAMES) {
    const what = `with its object "${product}" it has ${words} words, and ${LONGEST_NAMES} fit into short phrases`;
    throw fail('ADC_PROMPT_NAME', { kind: 'defect', name: JSON.stringify(defect), what });
  }
  const candidates = defect === NORMAL_TYPE ? normalPhrases(product) : defectPhrases(type, product);
  const fitting = [...new Set(candidates)].filter((phrase) => {
    const length = phrase.split(' ').length;
    return length >= WORDS.least && length <= WORDS.most;
  });
  if (count > fitting.length) throw new RangeError(`offlinePrompts: ${fitting.length} phrases at most, not ${count}`);
  return spread(fitting).slice(0, count);
}

/**
 * The instruction to a language model, T(c_d, c_o) of Eq. 5 of the paper, with slots for number, defect and object, in our words; it
 * asks for what the published one asks for: lowercase phrases that each name the object, as JSON `{object: {defect: [phrases]}}`.
 * @equation 5
 */
export function promptInstruction(defect: string, object: string, count = PROMPTS_ASKED): string {
  const product = namedWords('object', object);
  const subject =
    defect === NORMAL_TYPE
      ? `a ${product} without any industrial defect`
      : `the industrial defect "${defect === SIMULATED_TYPE ? 'contamination' : defect}" on a ${product}`;
  return [
    `Write ${count} different short English phrases that describe ${subject}, as seen in a picture from visual inspection.`,
    `Every phrase is entirely lowercase, has 3 to 12 words, and contains "${product}".`,
    'Vary wording, severity, size and place.',
    `Answer with JSON alone, in this form: ${JSON.stringify({ [object]: { [defect]: ['first phrase', 'second phrase'] } })}`,
  ].join('\n');
}

/** A phrase as it is kept: single spaces, lowercase, as the uncased encoder reads it. */
export const tidyPrompt = (phrase: string): string => phrase.trim().replace(/\s+/g, ' ').toLowerCase();

/** Why a phrase is no prompt, or undefined when it is one. */
export function promptFault(phrase: string): string | undefined {
  const words = phrase.split(/\s+/).filter(Boolean);
  if (words.length < OTHERS_WORDS.least || words.length > OTHERS_WORDS.most)
    return `it has ${words.length} words, and ${OTHERS_WORDS.least} to ${OTHERS_WORDS.most} are read`;
  if (!/^[\p{Script=Latin}\p{N}\p{M} .,;:'’"()/%&+-]+$/u.test(phrase))
    return 'it has signs that are no Latin letter, digit or punctuation';
  if (!/\p{L}/u.test(phrase)) return 'it has no letters';
  if (words.some((word) => word.length > LONGEST_WORD)) return `a word has more than ${LONGEST_WORD} letters`;
  return undefined;
}

/** Why a phrase is not what {@link promptInstruction} asked for, or undefined when it is. */
export function generatedPromptFault(phrase: string, object: string): string | undefined {
  if (phrase !== phrase.toLowerCase()) return 'it is not lowercase';
  const has = new Set(plainWords(phrase).split(' '));
  const missing = plainWords(object)
    .split(' ')
    .find((word) => !has.has(word) && !has.has(`${word}s`));
  return missing === undefined ? promptFault(phrase) : `it lacks "${missing}"`;
}
