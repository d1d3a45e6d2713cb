/** Promises that are kept for those who ask again. One that is rejected is not kept: whoever asks next tries again. */

/** What a map keeps under a key, made where nothing is there. */
export function keptPromise<Key, Value>(
  kept: Map<Key, Promise<Value>>,
  key: Key,
  make: () => Promise<Value>,
): Promise<Value> {
  const known = kept.get(key);
  if (known) return known;
  const made = make();
  kept.set(key, made);
  made.catch(() => {
    // Another may stand there by now.
    if (kept.get(key) === made) kept.delete(key);
  });
  return made;
}

/** One value that is made when it is first asked for. */
export class Once<Value> {
  private readonly kept = new Map<'value', Promise<Value>>();

  constructor(private readonly make: () => Promise<Value>) {}

  /** @throws what making it throws. */
  get(): Promise<Value> {
    return keptPromise(this.kept, 'value', this.make);
  }

  /** Waits for what is being made. @returns undefined where nobody has asked, or it could not be made. */
  async ifMade(): Promise<Value | undefined> {
    return this.kept.get('value')?.catch(() => undefined);
  }
}
