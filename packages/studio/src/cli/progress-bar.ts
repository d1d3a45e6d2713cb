/** One line of progress with rate and remaining time: redrawn in place on a terminal, written now and then where there is none. */
import type { ProgressEvent } from '../jobs/progress.ts';

/** A terminal, or something like one. */
export interface ProgressStream {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

const WIDTH = 24;
const REDRAW_MS = 80;
/** Between two lines where nothing is redrawn; work that ends before that says nothing. */
const LINE_MS = 10_000;

/** "0:07", "12:40", "3:02:09". */
export function formatDuration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const two = (value: number) => String(value).padStart(2, '0');
  return hours > 0 ? `${hours}:${two(minutes)}:${two(rest)}` : `${minutes}:${two(rest)}`;
}

/** "2.3 MB", of a million bytes each. */
export const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`;

/** "34/s", "3.4/s", "4.2 s each". */
export function formatRate(done: number, seconds: number): string {
  if (done === 0 || seconds <= 0) return '';
  const rate = done / seconds;
  if (rate < 0.5) return `${(1 / rate).toFixed(1)} s each`;
  return rate < 10 ? `${rate.toFixed(1)}/s` : `${Math.round(rate)}/s`;
}

/** Draws {@link ProgressEvent}s on a terminal's last line, or writes one of them every ten seconds. */
export class ProgressBar {
  private label = '';
  private started = 0;
  private firstDone = 0;
  private drawn = Number.NEGATIVE_INFINITY;
  private visible = false;
  /** When the last whole line was written, or the first event came. */
  private written: number | undefined;

  constructor(
    private readonly stream: ProgressStream,
    private readonly now: () => number = Date.now,
  ) {}

  /** Shows an event; another label starts a new bar. */
  show(event: ProgressEvent): void {
    const time = this.now();
    if (event.label !== this.label) {
      this.label = event.label;
      this.started = time;
      this.firstDone = event.done;
      this.drawn = Number.NEGATIVE_INFINITY;
    }
    const line = () => this.line(event, (time - this.started) / 1000);
    if (!this.stream.isTTY) {
      this.written ??= time;
      if (time - this.written < LINE_MS) return;
      this.written = time;
      this.stream.write(`${line()}\n`);
      return;
    }
    if (time - this.drawn < REDRAW_MS && event.done !== event.total) return;
    this.drawn = time;
    this.visible = true;
    this.stream.write(`\r\x1b[2K${line().slice(0, (this.stream.columns ?? 100) - 1)}`);
  }

  /** Takes the bar off the terminal. */
  clear(): void {
    if (this.visible) this.stream.write('\r\x1b[2K');
    this.visible = false;
    this.label = '';
  }

  private line({ label, done, total, detail }: ProgressEvent, seconds: number): string {
    const since = done - this.firstDone;
    const parts = [label];
    if (total && !this.stream.isTTY) parts.push(`${done}/${total}`);
    else if (total) {
      const filled = Math.round((WIDTH * Math.min(done, total)) / total);
      parts.push(`[${'█'.repeat(filled)}${'·'.repeat(WIDTH - filled)}]`, `${done}/${total}`);
    } else parts.push(String(done));
    parts.push(formatRate(since, seconds));
    if (total && since > 0 && done < total) parts.push(`${formatDuration((seconds / since) * (total - done))} left`);
    if (detail) parts.push(detail);
    return parts.filter(Boolean).join('  ');
  }
}
