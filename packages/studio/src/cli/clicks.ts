/** Clicks as people type them: X,Y,+ for "belongs to the defect", X,Y,- for "does not". */
import type { Click } from '@adclick/core';

const CLICK = /^\s*(-?\d+(?:\.\d+)?)\s*,\s*(-?\d+(?:\.\d+)?)\s*,\s*([+-])\s*$/;

/** A click, or undefined when the text is none. Fractions fall on the pixel that holds them. */
export function parseClick(text: string): Click | undefined {
  const match = CLICK.exec(text);
  if (!match) return undefined;
  return { x: Math.floor(Number(match[1])), y: Math.floor(Number(match[2])), positive: match[3] === '+' };
}

/** As typed. */
export const formatClick = ({ x, y, positive }: Click): string => `${x},${y},${positive ? '+' : '-'}`;
