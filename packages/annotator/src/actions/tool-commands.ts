/** Commands that choose and serve the drawing tools, and the keyboard's own clicks. */
import { imagePoint } from '@adclick/core/geometry';
import { clamp } from '../geometry.ts';
import { rleBox } from '../raster/bitmap.ts';
import { stepBrush } from '../raster/brush.ts';
import { holesPatch } from '../raster/regions.ts';
import type { App } from '../state/app.ts';
import { palette, type ToolName } from '../state/store.ts';
import { reveal } from '../state/view.ts';
import { cancelGesture, closePolygon, paint, placeClick } from '../tools/gestures.ts';
import type { Command } from './command.ts';

const tool = (name: ToolName, label: string, key: string): Command => ({
  id: `tool.${name}`,
  name: label,
  group: 'Tools',
  keys: [key],
  icon: name,
  enabled: () => true,
  pressed: (state) => state.tool === name,
  perform: (app) => {
    cancelGesture(app);
    app.store.setState({ tool: name });
  },
});

/** The nine defect types on the number keys. */
const typeCommand = (place: number): Command => ({
  id: `type.${place}`,
  name: `Defect type ${place}`,
  group: 'Tools',
  keys: [String(place)],
  enabled: (state) => palette(state).length >= place,
  pressed: (state) => palette(state)[place - 1]?.id === state.activeType,
  perform: (app) => app.store.setState({ activeType: palette(app.store.getState())[place - 1].id }),
});

const resize = (direction: 1 | -1) => (app: App) =>
  app.store.setState({ brushSize: stepBrush(app.store.getState().brushSize, direction) });

/** CSS pixels that an arrow key moves the cross. */
const STRIDE = 12;

function moveCross(app: App, dx: number, dy: number, single: boolean): void {
  const { image, cross, view, screen } = app.store.getState();
  if (!image) return;
  const step = single ? 1 : Math.max(1, Math.round(STRIDE / view.scale));
  const from = cross ?? imagePoint(Math.floor(image.width / 2), Math.floor(image.height / 2));
  const next = cross
    ? imagePoint(clamp(from.x + dx * step, 0, image.width - 1), clamp(from.y + dy * step, 0, image.height - 1))
    : from;
  app.store.setState({ cross: next, view: reveal(view, next, screen) });
}

const arrow = (key: string, label: string, dx: number, dy: number, single: boolean): Command => ({
  id: `cross.${label}${single ? '.pixel' : ''}`,
  name: single ? `Move the cross one pixel ${label}` : `Move the cross ${label}`,
  group: 'Keyboard clicks',
  keys: [single ? `Shift+${key}` : key],
  enabled: ({ image }) => image !== null,
  perform: (app) => moveCross(app, dx, dy, single),
});

const ARROWS = [
  ['ArrowLeft', 'left', -1, 0],
  ['ArrowRight', 'right', 1, 0],
  ['ArrowUp', 'up', 0, -1],
  ['ArrowDown', 'down', 0, 1],
] as const;

export const TOOL_COMMANDS: readonly Command[] = [
  tool('click', 'Click: left adds to the defect, right or Alt takes away', 'C'),
  tool('minus', 'Click that takes away', 'Shift+C'),
  tool('brush', 'Brush', 'B'),
  tool('eraser', 'Eraser', 'E'),
  tool('polygon', 'Polygon', 'P'),
  tool('box', 'Box', 'R'),
  tool('wand', 'Magic wand: pixels of similar colour', 'W'),
  tool('region', 'Remove a region', 'D'),
  tool('pan', 'Move the picture', 'V'),
  {
    id: 'mask.fillHoles',
    name: 'Fill holes',
    group: 'Tools',
    keys: ['G'],
    icon: 'holes',
    enabled: ({ image, activeType }) => activeType !== null && image?.mask.layer(activeType) !== undefined,
    perform: (app) => {
      const { image, activeType } = app.store.getState();
      const layer = activeType === null ? undefined : image?.mask.layer(activeType);
      if (!image || activeType === null || !layer) return;
      const holes = holesPatch(layer, image, rleBox(image.mask.rle(activeType)));
      if (!paint(app, 'fillHoles', activeType, holes, false)) app.notify('info', 'There are no holes to fill.');
    },
  },
  {
    id: 'brush.larger',
    name: 'Larger brush',
    group: 'Tools',
    keys: [']'],
    enabled: () => true,
    perform: resize(1),
  },
  {
    id: 'brush.smaller',
    name: 'Smaller brush',
    group: 'Tools',
    keys: ['['],
    enabled: () => true,
    perform: resize(-1),
  },
  {
    id: 'polygon.close',
    name: 'Close the polygon',
    group: 'Tools',
    keys: ['Enter'],
    // Stands before "accept" in the registry: while a polygon is drawn, Enter closes it.
    enabled: ({ draft }) => draft?.kind === 'polygon',
    perform: closePolygon,
  },
  {
    id: 'gesture.cancel',
    name: 'Break off what is being drawn',
    group: 'Tools',
    keys: ['Escape'],
    enabled: ({ draft, cross }) => draft !== null || cross !== null,
    perform: (app) => {
      cancelGesture(app);
      app.store.setState({ cross: null });
    },
  },
  ...Array.from({ length: 9 }, (_, i) => typeCommand(i + 1)),
  ...ARROWS.map(([key, label, dx, dy]) => arrow(key, label, dx, dy, false)),
  ...ARROWS.map(([key, label, dx, dy]) => arrow(key, label, dx, dy, true)),
  {
    id: 'cross.click',
    name: 'Positive click at the cross',
    group: 'Keyboard clicks',
    keys: ['Space'],
    enabled: ({ image, cross }) => image !== null && cross !== null,
    perform: (app) => clickCross(app, false),
  },
  {
    id: 'cross.negative',
    name: 'Negative click at the cross',
    group: 'Keyboard clicks',
    keys: ['Shift+Space'],
    enabled: ({ image, cross }) => image !== null && cross !== null,
    perform: (app) => clickCross(app, true),
  },
  {
    id: 'click.delete',
    name: 'Delete the last click',
    group: 'Keyboard clicks',
    keys: ['Delete', 'Backspace'],
    enabled: ({ image }) => (image?.facts.clicks.length ?? 0) > 0,
    perform: (app) => {
      const { image } = app.store.getState();
      if (image) app.act({ kind: 'deleteClick', index: image.facts.clicks.length - 1 });
    },
  },
];

function clickCross(app: App, negative: boolean): void {
  const { cross } = app.store.getState();
  if (cross) placeClick(app, cross, negative);
}
