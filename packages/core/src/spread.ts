/** A few of many, evenly. */

/** At most `limit` of the items, first and last parts alike. @param limit default all. */
export function spread<Item>(items: readonly Item[], limit = items.length): Item[] {
  if (limit >= items.length) return [...items];
  return Array.from({ length: limit }, (_, i) => items[Math.floor((i * items.length) / limit)]);
}
