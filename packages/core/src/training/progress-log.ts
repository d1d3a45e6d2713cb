/** What the trainings of both click models say as they go: means since the last line, to whoever waits and into the run's log. */
import { appendFile } from 'node:fs/promises';

/** A line of progress, means over the steps since the last one. */
export interface TrainingProgress {
  readonly step: number;
  readonly steps: number;
  readonly loss: number;
  /** Mean IoU after the first, second, … click of an episode. */
  readonly iou: readonly number[];
  readonly learningRate: number;
  readonly secondsPerStep: number;
  readonly blocks: number;
}

/** Sums of steps, and the lines that they become. */
export class ProgressLog {
  private since = this.nothing();

  /**
   * @param file of lines of JSON, to which lines are added. @param rounds click rounds that an IoU is of.
   * @param every so many steps a line is said, and after the last one.
   */
  constructor(
    private readonly file: string,
    private readonly rounds: number,
    private readonly every: number,
    private readonly onProgress?: (progress: TrainingProgress) => void,
  ) {}

  private nothing() {
    const [iou, seen] = [new Float64Array(this.rounds), new Float64Array(this.rounds)];
    return { losses: 0, count: 0, iou, seen, time: Date.now() };
  }

  /** Takes the IoU of a sample after a click round. */
  drawn(round: number, iou: number): void {
    this.since.iou[round] += iou;
    this.since.seen[round]++;
  }

  /** Ends a step: takes its loss, and says a line when it is time. */
  async stepped(loss: number, at: Pick<TrainingProgress, 'step' | 'steps' | 'learningRate' | 'blocks'>): Promise<void> {
    const { since } = this;
    since.losses += loss;
    since.count++;
    const { step, steps, learningRate, blocks } = at;
    if (step % this.every !== 0 && step !== steps) return;
    const progress: TrainingProgress = {
      step,
      steps,
      loss: since.losses / since.count,
      iou: Array.from(since.iou, (sum, round) => sum / Math.max(since.seen[round], 1)),
      learningRate,
      secondsPerStep: (Date.now() - since.time) / 1000 / since.count,
      blocks,
    };
    await appendFile(this.file, `${JSON.stringify(progress)}\n`);
    this.onProgress?.(progress);
    this.since = this.nothing();
  }
}
