/** Log odds of probabilities, in which neither a residual's level nor a network's certainty squeezes the ends. */

/** ln(p / (1 - p)); a probability nearer than `least` to 0 or 1 counts as so far away, so that all are finite. */
export function logOddsWithin(least: number, probability: number): number {
  const inside = Math.min(1 - least, Math.max(least, probability));
  return Math.log(inside / (1 - inside));
}

/** {@link logOddsWithin} a ten-millionth. */
export const logOdds = (probability: number): number => logOddsWithin(1e-7, probability);

/** The probability with these log odds. */
export const fromLogOdds = (odds: number): number => 1 / (1 + Math.exp(-odds));
