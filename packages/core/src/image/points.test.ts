/** One convention of pixel centres, and places of different rasters that the compiler keeps apart. */
import { describe, expect, test } from 'vitest';
import { simulateNextClick } from '../clicks/annotator.ts';
import { type Click, type ImageClick, imageClick, modelClick } from '../clicks/types.ts';
import { cellOf } from '../features/grid.ts';
import type { ClickPredictor } from '../inference/click-predictor.ts';
import { windowAround } from '../inference/click-windows.ts';
import type { View } from '../inference/labeler.ts';
import { Random } from '../random.ts';
import { onGrid } from './on-grid.ts';
import {
  edgePoint,
  fromEdges,
  gridPoint,
  type ImagePoint,
  imagePoint,
  modelPoint,
  pixelOf,
  toEdges,
} from './points.ts';

describe('pixel centres', () => {
  test('are whole numbers; a pixel reaches from half a pixel before to half a pixel after', () => {
    expect(pixelOf(imagePoint(3, 7))).toEqual({ x: 3, y: 7 });
    expect(pixelOf(imagePoint(2.5, 7.49))).toEqual({ x: 3, y: 7 });
    expect(pixelOf(imagePoint(-0.5, -0.51))).toEqual({ x: 0, y: -1 });
  });

  test('lie half a pixel from the edges, there and back', () => {
    expect(toEdges(imagePoint(0, 4))).toEqual({ x: 0.5, y: 4.5 });
    expect(fromEdges(edgePoint(0, 5))).toEqual({ x: -0.5, y: 4.5 });
    expect(fromEdges(toEdges(imagePoint(2.25, 8)))).toEqual({ x: 2.25, y: 8 });
  });

  test('of the model grid lie in the token cell that has 8 x 8 of them', () => {
    expect(cellOf(modelPoint(7, 8))).toEqual({ x: 0, y: 1 });
    expect(cellOf(modelPoint(511, 0))).toEqual({ x: 63, y: 0 });
  });
});

// Never run: what must not compile is marked, and the compiler says when it does.
const refusals = async (view: View, predictor: ClickPredictor) => {
  const [click, onModel] = [imageClick(1, 2, true), modelClick(1, 2, true)];
  const plain: Click = { x: 1, y: 2, positive: true };
  const mask = { data: new Uint8Array(4), width: 2, height: 2, channels: 1 as const };
  const plane = { data: new Float32Array(4), width: 2, height: 2, channels: 1 as const };

  await view.predict({ clicks: [plain, click, { x: 1, y: 2, positive: true }] });
  // @ts-expect-error a click of the model grid is none of the picture
  await view.predict({ clicks: [onModel] });

  await predictor.predict([onModel]);
  // @ts-expect-error a click of the picture is none of the model grid
  await predictor.predict([click]);
  // @ts-expect-error nor is it known of a plain one
  await predictor.predict([plain]);

  simulateNextClick(plane.data, mask, [onModel], new Random(1));
  // @ts-expect-error training clicks on the model grid
  simulateNextClick(plane.data, mask, [click], new Random(1));

  windowAround(onModel, { width: 64, height: 64 }, undefined);
  // @ts-expect-error windows lie around clicks of the model grid
  windowAround(click, { width: 64, height: 64 }, undefined);

  const moved = onGrid([click], mask, { width: 64, height: 64 });
  cellOf(moved[0]);
  // @ts-expect-error what has been moved once is not moved again
  onGrid(moved, mask, { width: 64, height: 64 });
  // @ts-expect-error cells are counted on the model grid
  cellOf(imagePoint(1, 2));
  // @ts-expect-error a cell is not a pixel
  cellOf(gridPoint(1, 2));

  // @ts-expect-error cells are not pixels of the picture
  const point: ImagePoint = gridPoint(1, 2);
  // @ts-expect-error edges are not centres
  const centre: ImagePoint = edgePoint(1, 2);
  // @ts-expect-error a plain place is of no raster
  const some: ImagePoint = { x: 1, y: 2 };
  // @ts-expect-error clicks neither
  const other: ImageClick = onModel;
  return [point, centre, some, other];
};

test('places of different rasters do not mix', () => {
  expect(refusals).toBeTypeOf('function');
});
