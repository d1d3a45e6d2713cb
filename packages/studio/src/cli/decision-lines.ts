/** How decisions about pictures went, in lines that people read. */
import type { Decisions } from '@adclick/core/evaluation';

const percent = (value: number) => (100 * value).toFixed(1);

/** Escapes and overkill at the shipped threshold, what the best one would have given, and each type and size. */
export function decisionLines(decisions: Decisions): string[] {
  const { falseAlarms, missed, good, defective, intervals, balancedError, best, auroc, types, sizes } = decisions;
  const between = ([low, high]: readonly [number, number]) => `${percent(low)} to ${percent(high)}`;
  const row = (name: string, each: (typeof types)[number] | (typeof sizes)[number]) =>
    `${name.padEnd(24)}  ${String(each.pictures).padStart(8)}  ${percent(each.missed).padStart(6)}  ${between(each.interval).padEnd(14)}  ${percent(each.auroc).padStart(5)}`;
  const size = ({ from, to }: (typeof sizes)[number]) => `  ${100 * from} to ${100 * to} % of the area`;
  return [
    `false alarms ${percent(falseAlarms)} % of ${good} good (${between(intervals.falseAlarms)}), missed ${percent(missed)} % of ${defective} defective (${between(intervals.missed)})`,
    `balanced error ${percent(balancedError)} %, at the best threshold ${percent(best.balancedError)} %, image AUROC ${percent(auroc)} %`,
    'defects                   pictures  missed  between         AUROC (%)',
    ...types.map((each) => row(`  ${each.type}`, each)),
    ...sizes.map((each) => row(size(each), each)),
  ];
}
