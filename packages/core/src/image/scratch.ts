/** Memory that is used again and again: a new array of megabytes for each click would have to be collected, which takes a tenth of the processor. */

type Numbers = Uint8Array | Int32Array | Float32Array;

/** One array for everybody who needs it no longer than until something else may run. */
export class Scratch<Data extends Numbers> {
  private held: Data | undefined;

  constructor(private readonly make: (length: number) => Data) {}

  /** An array with whatever was left in it; whoever has taken one before has lost it. */
  take(length: number): Data {
    if (!this.held || this.held.length < length) this.held = this.make(length);
    return this.held.subarray(0, length) as Data;
  }
}
