/** What a user gives: clicks on the upright original. */

/** One click at a pixel of the upright original: positive marks defect, negative marks good. */
export interface Click {
  readonly x: number;
  readonly y: number;
  readonly positive: boolean;
}
