/**
 * What reading files that others made may cost. Files are small and what they ask for is not: a line of text can stand for any number of
 * pixels. Limits are far above what real data sets need, and far below what would keep a computer busy for days.
 */
import { fail } from '../errors.ts';

/** Budgets of pixels that are touched and of time that is spent, for one file and in all. */
export interface ReadingLimits {
  readonly filePixels: number;
  readonly allPixels: number;
  readonly fileSeconds: number;
  readonly allSeconds: number;
  /** By which a thread may be late before it is ended from outside: what it does in one go it cannot interrupt. */
  readonly graceSeconds: number;
}

/** Masks of a hundred thousand pictures of 5 megapixels, two types each, in one file; eight such files. */
export const READING_LIMITS: ReadingLimits = {
  filePixels: 2 ** 40,
  allPixels: 2 ** 43,
  fileSeconds: 30 * 60,
  allSeconds: 6 * 60 * 60,
  graceSeconds: 30,
};

/** What time and pixels are left, of one reading. */
export class Budget {
  private file = '';
  private pixels = { file: 0, all: 0 };
  private ms = { file: 0, all: 0 };
  private since = performance.now();

  constructor(private readonly limits: ReadingLimits = READING_LIMITS) {}

  /** A file begins, which has a budget of its own. @param file for errors. */
  begin(file: string): void {
    this.check();
    this.file = file;
    this.pixels.file = 0;
    this.ms.file = 0;
  }

  /** Takes pixels before they are touched. @throws ADC_EXCHANGE_BUDGET. */
  spend(pixels: number): void {
    this.pixels.file += pixels;
    this.pixels.all += pixels;
    this.check();
  }

  /** @throws ADC_EXCHANGE_BUDGET. */
  private check(): void {
    this.count();
    const { filePixels, allPixels, fileSeconds, allSeconds } = this.limits;
    const over = (budget: string) => fail('ADC_EXCHANGE_BUDGET', { path: this.file, budget });
    if (this.pixels.file > filePixels) throw over(`${filePixels} pixels of masks for one file`);
    if (this.pixels.all > allPixels) throw over(`${allPixels} pixels of masks in all`);
    if (this.ms.file > fileSeconds * 1000) throw over(timeOfFile(fileSeconds));
    if (this.ms.all > allSeconds * 1000) throw over(`${allSeconds} seconds in all`);
  }

  private count(): void {
    const now = performance.now();
    this.ms.file += now - this.since;
    this.ms.all += now - this.since;
    this.since = now;
  }

  /** The same images; time that whoever takes them needs does not count. */
  async *during<T>(images: AsyncIterable<T>): AsyncGenerator<T> {
    this.since = performance.now();
    for await (const image of images) {
      this.count();
      yield image;
      this.since = performance.now();
    }
  }
}

/** The budget of time of one file, in words. */
export const timeOfFile = (seconds: number): string => `${seconds} seconds for one file`;
