/** Where something stands in a file that others wrote, and the error that names it. */
import { fail } from '../errors.ts';

/** Where a value stands in a file, for errors. */
export interface Place {
  readonly file: string;
  /** Such as `annotations[3].segmentation`. */
  readonly field: string;
}

/** ADC_EXCHANGE_FILE for a place. */
export const wrong = ({ file, field }: Place, what: string, cause?: unknown) =>
  fail('ADC_EXCHANGE_FILE', { path: file, field, what }, cause);

/** A place further inside. */
export const within = ({ file, field }: Place, part: string | number): Place => ({
  file,
  field: typeof part === 'number' ? `${field}[${part}]` : field === '' ? part : `${field}.${part}`,
});
