/** Runs one call at a time: the running one is kept, of those that wait only the newest. Keeps a slow machine smooth. */
export class LatestWins<Input, Output> {
  private running = false;
  private waiting: { input: Input } | null = null;

  constructor(
    private readonly call: (input: Input) => Promise<Output>,
    /** Gets every result that is still the newest one asked for when it arrives, or older ones on the way with `isLatest` false. */
    private readonly done: (input: Input, output: Output, isLatest: boolean) => void,
    private readonly failed: (input: Input, error: unknown) => void,
  ) {}

  /** Asks for a result; takes the place of a call that still waits. */
  run(input: Input): void {
    this.waiting = { input };
    if (!this.running) void this.drain();
  }

  /** Forgets a call that waits. */
  cancel(): void {
    this.waiting = null;
  }

  private async drain(): Promise<void> {
    this.running = true;
    while (this.waiting) {
      const { input } = this.waiting;
      this.waiting = null;
      try {
        const output = await this.call(input);
        this.done(input, output, this.waiting === null);
      } catch (error) {
        this.failed(input, error);
      }
    }
    this.running = false;
  }
}
