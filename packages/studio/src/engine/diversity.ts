/** Choosing pictures that differ from each other: farthest first over short vectors. */

/** Most pictures that get a place; the others follow in their own order. */
const MOST = 500;

/**
 * Places in an order in which each picture is the farthest from all labelled ones and all before it.
 * @param vectors of equal length. @param labelled pictures that count as chosen already.
 * @returns indexes of the others, the most different first.
 */
export function chooseDiverse(vectors: readonly (readonly number[])[], labelled: readonly boolean[]): number[] {
  const open = vectors.flatMap((_, i) => (labelled[i] ? [] : [i]));
  const nearest = new Float64Array(vectors.length).fill(Number.POSITIVE_INFINITY);
  const note = (chosen: number) => {
    const from = vectors[chosen];
    for (const i of open) {
      const to = vectors[i];
      let distance = 0;
      for (let d = 0; d < from.length; d++) distance += (from[d] - to[d]) ** 2;
      nearest[i] = Math.min(nearest[i], distance);
    }
  };
  labelled.forEach((is, i) => {
    if (is) note(i);
  });
  const order: number[] = [];
  const left = new Set(open);
  while (left.size > 0 && order.length < MOST) {
    let best = -1;
    for (const i of left) if (best < 0 || nearest[i] > nearest[best]) best = i;
    left.delete(best);
    order.push(best);
    note(best);
  }
  return [...order, ...left];
}
