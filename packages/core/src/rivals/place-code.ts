/** A code of places that descriptors carry (SemiREST; the sines and cosines of MAE's util/pos_embed.py), so that what is alike is near as well. */

/** Longest wave over the shortest. */
const WAVES = 10_000;

/**
 * Sines and cosines of each cell's column, then of its row: a quarter of the channels each, waves from 2π cells on to 10,000 times that.
 * @param channels a multiple of 4. @returns (height * width, channels), each row of length √(channels / 2).
 */
export function placeCode(
  { height, width }: { readonly height: number; readonly width: number },
  channels: number,
): Float32Array {
  if (channels % 4 !== 0) throw new RangeError(`placeCode: ${channels} channels are no multiple of 4`);
  const quarter = channels / 4;
  const out = new Float32Array(height * width * channels);
  for (let y = 0, at = 0; y < height; y++)
    for (let x = 0; x < width; x++, at += channels)
      for (let i = 0; i < quarter; i++) {
        const pace = WAVES ** (-i / quarter);
        out[at + i] = Math.sin(x * pace);
        out[at + quarter + i] = Math.cos(x * pace);
        out[at + 2 * quarter + i] = Math.sin(y * pace);
        out[at + 3 * quarter + i] = Math.cos(y * pace);
      }
  return out;
}
