/** Figures of the work so far. */
import type { Statistics } from '../api.ts';
import type { StatisticsRepository } from '../store/statistics.ts';

function median(values: readonly number[]): number | null {
  if (values.length === 0) return null;
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** Statistics of a project; times count only what was measured between two actions of at most two minutes. */
export async function statisticsOf(repository: StatisticsRepository): Promise<Statistics> {
  const { images, byType, byAuthor, perDay } = await repository.figures();
  const seconds = median(images.map(({ duration }) => duration / 1000));
  const clicks = images.reduce((sum, image) => sum + image.clicks, 0);
  return {
    labelled: images.length,
    secondsPerImage: seconds === null ? null : Number(seconds.toFixed(1)),
    clicksPerImage: images.length === 0 ? null : Number((clicks / images.length).toFixed(2)),
    byType: byType.map((row) => ({ ...row })),
    byAuthor: byAuthor.map((row) => ({ ...row })),
    perDay: perDay.map((row) => ({ ...row })),
  };
}
