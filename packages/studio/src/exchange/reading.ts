/** Reading what others wrote, part by part: what cannot be read is left out with its reason, and everything else stands. */
import { CodedError } from '@adclick/core';
import { fail } from '../errors.ts';
import { nameOf } from '../path-parts.ts';
import { RECORDS_FILE } from '../project/folder-names.ts';
import type { ReadOptions } from './format.ts';
import { checkSize, Painter } from './painter.ts';
import type { Place } from './place.ts';
import { filesEnding, type Source } from './source.ts';
import type { LabelledImage } from './types.ts';

type LeaveOut = ReadOptions['leftOut'];

/** What a file can have wrong, or one picture that is put somewhere; anything else is a fault of this program or of the computer. */
const REFUSAL =
  /^ADC_(EXCHANGE_(FILE|NAME|LIMIT)|IMAGE_(MISSING|EMPTY|UNREADABLE|TRUNCATED|TOO_LARGE)|MASK_(SIZE|VALUES)|IN_USE)$/;

const isRefusal = (error: unknown): error is CodedError => error instanceof CodedError && REFUSAL.test(error.code);

/** The reason inside an error, without the advice and the file that stand beside it. */
function reasonOf({ code, details, message }: CodedError): string {
  const { field, what } = details;
  if (code === 'ADC_EXCHANGE_FILE') return `${field}: ${what}`;
  return code.startsWith('ADC_EXCHANGE') && what !== undefined ? String(what) : message;
}

/**
 * Reads a part of a file.
 * @param about what is left out when the part is refused. @returns undefined then.
 */
export async function orLeaveOut<T>(
  leftOut: LeaveOut,
  about: { readonly path: string; readonly type?: string },
  read: () => T | Promise<T>,
): Promise<T | undefined> {
  try {
    return await read();
  } catch (error) {
    if (!isRefusal(error)) throw error;
    leftOut({ ...about, reason: reasonOf(error) });
    return undefined;
  }
}

/** Size that a file says of an image; where it says none, that of the project's picture; 0 when there is none. */
export function sizeOr(
  said: { readonly width: number; readonly height: number },
  path: string,
  inProject: ReadOptions['inProject'],
): { readonly width: number; readonly height: number } {
  return said.width > 0 && said.height > 0 ? said : (inProject?.(path) ?? said);
}

/**
 * Reads files of labels one after the other. One that cannot be read never refuses the others.
 * @throws ADC_EXCHANGE_EMPTY when there is none; what the first one threw when none could be read.
 */
export async function* readEach(
  source: Source,
  ending: string,
  { leftOut, budget }: ReadOptions,
  read: (bytes: Uint8Array, display: string, name: string) => AsyncIterable<LabelledImage>,
): AsyncGenerator<LabelledImage> {
  const names = filesEnding(source, ending).filter((name) => nameOf(name) !== RECORDS_FILE);
  if (names.length === 0) throw fail('ADC_EXCHANGE_EMPTY', { path: source.path, what: `there is no ${ending} file` });
  const refused: { name: string; error: CodedError }[] = [];
  for (const name of names)
    try {
      budget?.begin(source.display(name));
      yield* read(await source.read(name), source.display(name), name);
    } catch (error) {
      if (!isRefusal(error)) throw error;
      refused.push({ name, error });
    }
  if (refused.length === names.length) throw refused[0]?.error;
  for (const { name, error } of refused) leftOut({ path: name, reason: reasonOf(error) });
}

/** What is known of an image whose masks nobody can use. What was left out of it says so itself. */
export const unpainted = (path: string, width: number, height: number): LabelledImage => ({
  ...{ path, width, height, state: 'defect', layers: [] },
  ...{ unpainted: true, partial: true },
});

/** An image whose annotations are read one after the other. */
export class ImageReader {
  /** Undefined where there is no picture that could be painted on. */
  private readonly painter: Painter | undefined;
  private refused = 0;

  /** @throws ADC_EXCHANGE_FILE, ADC_EXCHANGE_LIMIT for a size that is none. */
  constructor(
    readonly path: string,
    private readonly width: number,
    private readonly height: number,
    place: Place,
    private readonly options: ReadOptions,
  ) {
    checkSize(width, height, place);
    const { fits, budget } = options;
    if (fits?.(path, width, height) ?? true) this.painter = new Painter(width, height, place, budget);
  }

  /**
   * Reads one annotation.
   * @param type name of its defect type, undefined when its file has none for it.
   * @param paint sets its pixels and returns how many it covers, or says why it is no area; it checks before it sets the first.
   */
  async annotation(
    { field }: Place,
    type: string | undefined,
    paint: (painter: Painter, type: string) => number | string | Promise<number | string>,
  ): Promise<void> {
    const { painter } = this;
    if (!painter) return;
    const about = { path: this.path, ...(type === undefined ? {} : { type }) };
    const refuse = (reason: string) => this.refuse(reason, type);
    if (type === undefined || type.trim() === '') return refuse(`${field} has no type that the file knows`);
    const count = (entry: { reason: string }) => refuse(entry.reason);
    const painted = await orLeaveOut(count, about, () => paint(painter, type));
    if (typeof painted === 'string') refuse(`${field} ${painted}`);
    else if (painted === 0) refuse(`${field} covers no pixel of the image`);
  }

  /** Leaves out an annotation. @param type name of its defect type, where it is known. */
  refuse(reason: string, type?: string): void {
    this.refused++;
    this.options.leftOut({ path: this.path, ...(type === undefined ? {} : { type }), reason });
  }

  /** What was read. Undefined when all of it was left out: somebody marked something there, so that the image is not good. */
  finish(): LabelledImage | undefined {
    const { path, width, height } = this;
    if (!this.painter) return unpainted(path, width, height);
    const image = this.painter.finish(this.path);
    if (this.refused === 0) return image;
    return image.layers.length > 0 ? { ...image, partial: true } : undefined;
  }
}
