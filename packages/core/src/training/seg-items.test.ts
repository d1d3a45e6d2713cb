import { expect, test } from 'vitest';
import { imageClick } from '../clicks/types.ts';
import { onGrid } from '../image/on-grid.ts';
import { labelOnGrid } from './seg-items.ts';

test("a label's click discs lie where the click network saw the clicks", () => {
  const [width, height, side] = [98, 75, 64];
  const image = { data: new Uint8Array(3 * width * height), width, height, channels: 3 } as const;
  const probability = { data: new Float32Array(width * height), width, height, channels: 1 } as const;
  for (let x = 0; x < width; x++) {
    const clicks = [imageClick(x, Math.min(x, height - 1), true)];
    const [seen] = onGrid(clicks, image, { width: side, height: side });
    const label = labelOnGrid({ name: 'a', type: 'dent', image, probability, clicks }, side, side, 0);
    expect(label.probability.data.indexOf(1), `click at ${x}`).toBe(seen.y * side + seen.x);
  }
});
