/** Pascal VOC's labels: which type a colour or a number in a class mask is. */
import type { ReadOptions } from './format.ts';
import { decodeText, linesOf } from './json.ts';
import { wrong } from './place.ts';
import { orLeaveOut } from './reading.ts';
import type { Source } from './source.ts';

export const LABELS = 'labelmap.txt';
/** Bytes that the list of labels, and an annotation, may have. */
export const MOST_TEXT = 2 ** 20;
/** Number of pixels that belong to no class, drawn around objects in VOC's own masks. */
export const VOID = 255;
/** Names that lists of labels give to pixels which belong to no class. */
export const VOID_NAME = /^(void|ignored?|un-?label?led|don'?t[ _-]?care)$/i;
/** Classes of VOC itself, for its folders that have no list of labels. */
const VOC_CLASSES =
  'aeroplane bicycle bird boat bottle bus car cat chair cow diningtable dog horse motorbike person pottedplant sheep sofa train tvmonitor';

export type Colour = readonly [red: number, green: number, blue: number];

/** Colour of a class: the bits of its number, three at a time, become the bits of red, green and blue from the highest down. */
function colourOf(index: number): Colour {
  const colour: [number, number, number] = [0, 0, 0];
  for (let bit = 0; bit < 8; bit++)
    for (let c = 0; c < 3; c++) colour[c] |= ((index >> (3 * bit + c)) & 1) << (7 - bit);
  return colour;
}

export const PALETTE: readonly Colour[] = Array.from({ length: 256 }, (_, index) => colourOf(index));

/** A colour as one number. */
const colourKey = ([red, green, blue]: Colour): number => (red << 16) | (green << 8) | blue;
const greyKey = (value: number) => colourKey([value, value, value]);

/** A type, `null` for pixels that belong to none, undefined for what the labels do not know. */
type Meaning = string | null | undefined;

/** What the values of one mask mean. */
export interface Meanings {
  of(value: number): Meaning;
  /** Why no value of the mask can be trusted. */
  readonly doubt?: string;
}

const voidColour = (index: number) => colourKey(PALETTE[index]);

/** The labels of a data set. */
export class VocLabels {
  constructor(
    /** Types by colour, `null` for no class. */
    private readonly byColour: ReadonlyMap<number, string | null>,
    /** Types by number, as they are listed; 0 is the background. */
    private readonly byNumber: readonly Meaning[],
    /** Whether they are the data set's own, in a list. */
    readonly listed: boolean,
  ) {}

  /** The type of a colour. */
  colour(value: number): Meaning {
    const found = this.byColour.get(value);
    if (found !== undefined) return found;
    return value === 0 || value === voidColour(VOID) ? null : undefined;
  }

  /** The type of a number: as listed, and by the colour that VOC gives to the number. */
  private number(value: number): Meaning | 'doubtful' {
    const listed = this.byNumber[value];
    const byColour = value < PALETTE.length ? this.byColour.get(colourKey(PALETTE[value])) : undefined;
    if (value === 0) return null;
    if (listed === undefined || byColour === undefined || listed === byColour) {
      const found = byColour ?? listed;
      const white = this.byColour.has(greyKey(VOID));
      return found === undefined && value === VOID && !white ? null : found;
    }
    return 'doubtful';
  }

  /** The type of a level: of n types, the k-th has the grey value 255 k / n. */
  private level(value: number): Meaning {
    const types = this.byNumber.slice(1).filter((type) => typeof type === 'string');
    if (value === 0) return null;
    const at = types.findIndex((_, i) => Math.abs(value - (255 * (i + 1)) / types.length) < 1);
    return at < 0 ? undefined : types[at];
  }

  /**
   * What the grey values of a mask mean. They are read one way for the whole mask: as the grey colours of the list, else as numbers, else as
   * levels; 255 is no class unless the list has white. What can be read two ways that differ is read in none.
   * @param values that occur in the mask.
   */
  grey(values: ReadonlySet<number>): Meanings {
    const marked = [...values].filter((value) => value !== 0);
    const colour = (value: number): Meaning =>
      this.byColour.get(greyKey(value)) ?? (value === 0 || value === VOID ? null : undefined);
    const fits = (meaning: (value: number) => Meaning) =>
      marked.every((value) => meaning(value) !== undefined) &&
      marked.some((value) => typeof meaning(value) === 'string');
    const number = (value: number): Meaning => {
      const found = this.number(value);
      return found === 'doubtful' ? undefined : found;
    };
    const doubtful = marked.find((value) => this.number(value) === 'doubtful');
    if (fits(colour)) {
      const other = marked.find((value) => number(value) !== undefined && number(value) !== colour(value));
      if (other === undefined || !fits(number)) return { of: colour };
      return { of: () => undefined, doubt: `${other} is a grey of the list of labels and the number of another label` };
    }
    if (doubtful !== undefined)
      return {
        of: () => undefined,
        doubt: `${doubtful} is the number of one label as listed and of another by its colour`,
      };
    const levels = this.listed && marked.some((value) => value !== VOID) && fits((value) => this.level(value));
    if (levels && !fits(number)) return { of: (value) => this.level(value) };
    return { of: number };
  }
}

/** A line of the list: `name:red,green,blue:parts:actions`; without a colour it has the one that VOC gives to its number. */
function parseLine(text: string, number: number): { name: string; colour: Colour } | string {
  const [, name, said = ''] =
    /^(.+?):( *\d+ *, *\d+ *, *\d+ *)(?::[^:]*){0,2}$/s.exec(text) ?? /^([^:]+)(?:: *){0,3}$/.exec(text) ?? [];
  if (name === undefined) return 'it is not name:red,green,blue:parts:actions';
  if (said === '') return { name: name.trim(), colour: PALETTE[number] ?? [0, 0, 0] };
  const [red = 0, green = 0, blue = 0] = said.split(',').map(Number);
  return Math.max(red, green, blue) > 255 ? 'a colour is more than 255' : { name, colour: [red, green, blue] };
}

/** Labels of the list, or VOC's own classes where there is none. Lines that cannot be read are left out. */
export async function readLabels(source: Source, leftOut: ReadOptions['leftOut']): Promise<VocLabels> {
  const name = source.files.find((file) => file === LABELS || file.endsWith(`/${LABELS}`));
  if (name === undefined) {
    const classes = VOC_CLASSES.split(' ');
    const colours = classes.map((type, i) => [colourKey(PALETTE[i + 1]), type] as const);
    return new VocLabels(new Map(colours), [null, ...classes], false);
  }
  const file = source.display(name);
  const byColour = new Map<number, string | null>();
  const twice = new Set<number>();
  const listed: Meaning[] = [];
  let black = 0;
  for (const [i, line] of linesOf(decodeText(await source.read(name), file, MOST_TEXT)).entries()) {
    if (line.trim() === '' || line.startsWith('#')) continue;
    const place = { file, field: `line ${i + 1}` };
    const found = await orLeaveOut(leftOut, { path: name }, () => {
      const parsed = parseLine(line, listed.length);
      if (typeof parsed === 'string') throw wrong(place, parsed);
      return parsed;
    });
    if (found === undefined) {
      // It has its number all the same.
      listed.push(undefined);
      continue;
    }
    const key = colourKey(found.colour);
    const type = key === 0 || VOID_NAME.test(found.name) ? null : found.name;
    listed.push(type);
    if (key === 0) {
      black = listed.length - 1;
      continue;
    }
    if (byColour.has(key)) twice.add(key);
    byColour.set(key, type);
  }
  for (const key of twice) {
    const colour = [key >> 16, (key >> 8) & 255, key & 255].join(',');
    leftOut({ path: name, reason: `several labels have the colour ${colour}: none of them is read by it` });
    byColour.delete(key);
  }
  // Numbers count from the background. Where that stands amid the others they mean nothing.
  const background = listed[0] === null || listed[0] === undefined;
  return new VocLabels(byColour, black > 0 ? [null] : background ? listed : [null, ...listed], true);
}
