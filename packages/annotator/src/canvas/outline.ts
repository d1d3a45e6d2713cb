/** The outline of a bitmap as closed loops along pixel edges, for the dashed line around a proposal. */

/** Corners of a loop in picture pixels: x0, y0, x1, y1, …; straight runs are one piece. */
export type Loop = readonly number[];

/** Steps right, down, left, up. */
const DX = [1, 0, -1, 0];
const DY = [0, 1, 0, -1];

/**
 * Follows every edge between set and unset pixels once, with the set pixel on the right. Outer loops run clockwise, holes the other way.
 * @param most stops after this many corners in all; a ragged bitmap is then drawn without the rest of its outline.
 */
export function outline(data: Uint8Array, width: number, height: number, most = 40_000): Loop[] {
  const set = (x: number, y: number) => x >= 0 && y >= 0 && x < width && y < height && data[y * width + x] !== 0;
  // Top edges (going right) begin every loop; those already walked are marked.
  const walked = new Uint8Array(data.length);
  const loops: Loop[] = [];
  let corners = 0;
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      if (!data[y * width + x] || walked[y * width + x] || set(x, y - 1)) continue;
      const loop: number[] = [];
      let [px, py, direction] = [x, y, 0];
      do {
        if (direction === 0) walked[py * width + px] = 1;
        px += DX[direction];
        py += DY[direction];
        const next = turn(set, px, py, direction);
        if (next !== direction) loop.push(px, py);
        direction = next;
      } while (px !== x || py !== y || direction !== 0);
      loops.push(loop);
      corners += loop.length / 2;
      if (corners > most) return loops;
    }
  return loops;
}

/** Direction after arriving at a corner: right when the way ahead on the right is unset, left when ahead on the left is set too. */
function turn(set: (x: number, y: number) => boolean, x: number, y: number, direction: number): number {
  // The two pixels ahead of the corner, to the left and to the right of the way.
  const ahead = [
    [0, -1, 0, 0],
    [0, 0, -1, 0],
    [-1, 0, -1, -1],
    [-1, -1, 0, -1],
  ][direction];
  const left = set(x + ahead[0], y + ahead[1]);
  const right = set(x + ahead[2], y + ahead[3]);
  if (!right) return (direction + 1) % 4;
  return left ? (direction + 3) % 4 : direction;
}

/** The loops as a path in picture pixels. */
export function outlinePath(loops: readonly Loop[]): Path2D {
  const path = new Path2D();
  for (const loop of loops) {
    for (let i = 0; i < loop.length; i += 2)
      if (i === 0) path.moveTo(loop[0], loop[1]);
      else path.lineTo(loop[i], loop[i + 1]);
    path.closePath();
  }
  return path;
}
