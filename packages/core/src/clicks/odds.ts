/** Log odds of a probability. */

/** Keeps the odds of 0 and 1 finite. */
const TINY = 1e-6;

/** ln(p / (1 - p)), between about -13.8 and 13.8. */
export const logit = (p: number): number => Math.log(Math.max(p, TINY) / Math.max(1 - p, TINY));

/** The probability with these log odds. */
export const probabilityAt = (logit: number): number => 1 / (1 + Math.exp(-logit));
