/** Names for files and folders from texts that people type, such as names of categories and defect types: safe on every system. */
import { createHash } from 'node:crypto';
import { nameKey } from '@adclick/core/files';

/** Bytes of the longest name that is made, in UTF-8: disks take 255, and endings and names of temporary files are added. */
const LONGEST = 120;
/** Hexadecimal digits that tell apart texts whose names would be the same. */
const DIGITS = 8;

/** What some system takes for a separator, a wildcard or a stream, cannot store, or does not show. */
const UNSAFE = /[\\/:*?"<>|]|\p{Cc}|\p{Cs}|\p{Zl}|\p{Zp}|\p{Default_Ignorable_Code_Point}/gu;
/** Windows drops dots and spaces at the end; a dot at the start hides a file. */
const ENDS = /^[. ]+|(?<![. ])[. ]+$/g;
/** Names of devices on Windows, whatever ending they have. */
const DEVICE = /^(?:con|prn|aux|nul|conin\$|conout\$|(?:com|lpt)[0-9\u00b9\u00b2\u00b3]) *(?:\.|$)/i;
/** A name that has been made unlike others already. */
const MARKED = new RegExp(`-[0-9a-f]{${DIGITS}}$`, 'i');

/** The first characters of a text that fit into so many bytes. */
function cut(text: string, bytes: number): string {
  let length = 0;
  let kept = '';
  for (const character of text) {
    length += Buffer.byteLength(character);
    if (length > bytes) break;
    kept += character;
  }
  return kept;
}

const marked = (plain: string, text: string): string => {
  const digits = createHash('sha256').update(text, 'utf16le').digest('hex').slice(0, DIGITS);
  return `${cut(plain, LONGEST - DIGITS - 1).replace(/[. ]+$/, '')}-${digits}`;
};

/** The text as a name, as well as it can be kept; in the Unicode form that most systems give back. */
function plainName(text: string): string {
  const plain = nameKey(text)
    .replace(UNSAFE, '_')
    .replace(ENDS, (ends) => '_'.repeat(ends.length));
  return plain === '' || DEVICE.test(plain) ? `_${plain}` : plain;
}

/**
 * A name that Windows, macOS and Linux take. A text that is one already stays as it is (in Unicode's form NFC); another one gets `_` for
 * what cannot stay, and a few digits, so that texts with different names on paper have different names on disk.
 * Texts that differ in their Unicode form alone give one name, those that differ in case alone may give names that do: where a folder
 * gets several, they are compared by {@link collisionKey}, or made with {@link distinctFileName}.
 * @param text anything.
 */
export function fileName(text: string): string {
  const plain = plainName(text);
  const composed = nameKey(text);
  const kept = plain === composed && Buffer.byteLength(plain) <= LONGEST && !MARKED.test(plain);
  return kept ? plain : marked(plain, composed);
}

/**
 * As {@link fileName}, but no two texts ever share a file, also not on disks that take upper and lower case or Unicode's forms for the
 * same: for files that are found again by the text alone.
 * @param text anything; one in lower case without odd characters stays as it is.
 */
export function distinctFileName(text: string): string {
  const kept = collisionKey(text) === text && fileName(text) === text;
  return kept ? text : marked(plainName(text), text);
}

/** What is the same for two names that some disk takes for one: case and Unicode form do not count. */
export const collisionKey = (name: string): string => nameKey(name).toUpperCase().toLowerCase().normalize('NFC');
