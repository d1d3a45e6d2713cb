/** Exchanging resolution for channels, in channels-last layout. */
import type { Value } from '../graph.ts';
import { shapeError } from './common.ts';
import { reshape, transpose } from './shape.ts';

/**
 * x (B, h, w, b·b·C) -> (B, b·h, b·w, C).
 * Channel (i·b + j)·C + c of a cell goes to row i, column j of its b×b square.
 */
export function depthToSpace(x: Value, block: number): Value {
  const [batch, height, width, deep] = x.shape;
  if (x.shape.length !== 4 || deep % (block * block) !== 0) {
    throw shapeError('depthToSpace', `channels must be a multiple of the block's area`, x.shape, [block, block]);
  }
  const channels = deep / block / block;
  const cells = reshape(x, [batch, height, width, block, block, channels]);
  return reshape(transpose(cells, [0, 1, 3, 2, 4, 5]), [batch, height * block, width * block, channels]);
}

/** The inverse of {@link depthToSpace}: x (B, b·h, b·w, C) -> (B, h, w, b·b·C). */
export function spaceToDepth(x: Value, block: number): Value {
  const [batch, height, width, channels] = x.shape;
  if (x.shape.length !== 4 || height % block !== 0 || width % block !== 0) {
    throw shapeError('spaceToDepth', 'height and width must be multiples of the block', x.shape, [block, block]);
  }
  const cells = reshape(x, [batch, height / block, block, width / block, block, channels]);
  return reshape(transpose(cells, [0, 1, 3, 2, 4, 5]), [
    batch,
    height / block,
    width / block,
    block * block * channels,
  ]);
}
