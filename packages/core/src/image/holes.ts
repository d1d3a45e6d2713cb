/** Holes of bitmaps. Pure: the page uses it too. */

/**
 * Marks the zeros of a bitmap that no path over edges (4-connected) joins to its border.
 * @returns 1 on holes, else 0.
 */
export function holesOf(data: Uint8Array, width: number, height: number): Uint8Array {
  const holes = new Uint8Array(data.length);
  for (let i = 0; i < data.length; i++) holes[i] = data[i] ? 0 : 1;
  const waiting: number[] = [];
  const reach = (i: number) => {
    if (holes[i] === 0) return;
    holes[i] = 0;
    waiting.push(i);
  };
  for (let x = 0; x < width; x++) {
    reach(x);
    reach((height - 1) * width + x);
  }
  for (let y = 0; y < height; y++) {
    reach(y * width);
    reach(y * width + width - 1);
  }
  for (let i = waiting.pop(); i !== undefined; i = waiting.pop()) {
    const x = i % width;
    if (x > 0) reach(i - 1);
    if (x + 1 < width) reach(i + 1);
    if (i >= width) reach(i - width);
    if (i + width < data.length) reach(i + width);
  }
  return holes;
}
