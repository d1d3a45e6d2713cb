/** In which order work is done: urgent first, a few at once, never two on the same picture. */

interface Task {
  /** Lower is more urgent. */
  readonly priority: number;
  /** Among equals the earlier goes first, in milliseconds; default: when it was added. */
  readonly since?: number;
  /** What it works on; undefined for work that needs everything for itself. */
  readonly key: string | undefined;
  run(): Promise<void>;
}

export class Schedule {
  private readonly tasks: (Task & { readonly since: number })[] = [];
  private readonly busy = new Set<string>();
  private alone = false;

  /** @param width tasks at once: while one waits for onnxruntime, another prepares its inputs. */
  constructor(private readonly width: number) {}

  /** `run` must not throw. */
  add(task: Task): void {
    const { since = Date.now() } = task;
    const at = this.tasks.findIndex(
      (other) => other.priority > task.priority || (other.priority === task.priority && other.since > since),
    );
    this.tasks.splice(at < 0 ? this.tasks.length : at, 0, { ...task, since });
    this.next();
  }

  private next(): void {
    for (;;) {
      if (this.alone || this.busy.size >= this.width) return;
      const at = this.tasks.findIndex(({ key }) => key === undefined || !this.busy.has(key));
      const task = this.tasks[at];
      if (!task) return;
      // Work that needs everything for itself waits until the others are done, and lets nobody pass.
      if (task.key === undefined && this.busy.size > 0) return;
      this.tasks.splice(at, 1);
      void this.start(task);
    }
  }

  private async start({ key, run }: Task): Promise<void> {
    if (key === undefined) this.alone = true;
    else this.busy.add(key);
    try {
      await run();
    } finally {
      if (key === undefined) this.alone = false;
      else this.busy.delete(key);
      // A message that has arrived meanwhile may be more urgent than what waits.
      setImmediate(() => this.next());
    }
  }
}
