/** Commands that change how the picture is seen, and those of the page itself. */
import { screenPoint } from '../geometry.ts';
import type { App } from '../state/app.ts';
import type { AppState, Looks } from '../state/store.ts';
import { keepInSight, ZOOM, zoomTo } from '../state/view.ts';
import type { Command } from './command.ts';

const withImage = ({ image }: AppState) => image !== null;

function zoom(app: App, factor: number): void {
  const { view, screen, image } = app.store.getState();
  if (!image) return;
  const middle = screenPoint(screen.width / 2, screen.height / 2);
  app.store.setState({ view: keepInSight(zoomTo(view, middle, view.scale * factor), image, screen) });
}

const flip = (app: App, key: 'showMask' | 'heat' | 'nearest') => {
  const { looks } = app.store.getState();
  app.store.setState({ looks: { ...looks, [key]: !looks[key] } satisfies Looks });
};

const fade = (app: App, by: number) => {
  const { looks } = app.store.getState();
  app.store.setState({
    looks: { ...looks, opacity: Math.min(1, Math.max(0, Math.round((looks.opacity + by) * 10) / 10)) },
  });
};

const THEMES = ['system', 'light', 'dark'] as const;

export const VIEW_COMMANDS: readonly Command[] = [
  {
    id: 'view.in',
    name: 'Zoom in',
    group: 'View',
    keys: ['+', '='],
    icon: 'zoomIn',
    enabled: withImage,
    perform: (app) => zoom(app, ZOOM.step),
  },
  {
    id: 'view.out',
    name: 'Zoom out',
    group: 'View',
    keys: ['-'],
    icon: 'zoomOut',
    enabled: withImage,
    perform: (app) => zoom(app, 1 / ZOOM.step),
  },
  {
    id: 'view.fit',
    name: 'Show the whole picture',
    group: 'View',
    keys: ['0'],
    icon: 'fit',
    enabled: withImage,
    perform: (app) => app.fit(),
  },
  {
    id: 'view.actual',
    name: 'One screen pixel a picture pixel',
    group: 'View',
    keys: ['Shift+Z'],
    icon: 'actual',
    enabled: withImage,
    perform: (app) => app.fit(1),
  },
  {
    id: 'view.mask',
    name: 'Show the mask',
    group: 'View',
    keys: ['M'],
    icon: 'eye',
    enabled: withImage,
    pressed: ({ looks }) => looks.showMask,
    perform: (app) => flip(app, 'showMask'),
  },
  {
    id: 'view.heat',
    name: 'Difference from good pictures, beside the picture',
    group: 'View',
    keys: ['H'],
    icon: 'heat',
    enabled: withImage,
    pressed: ({ looks }) => looks.heat,
    perform: (app) => flip(app, 'heat'),
  },
  {
    id: 'view.nearest',
    name: 'Nearest good picture, beside the picture',
    group: 'View',
    keys: ['I'],
    icon: 'compare',
    enabled: withImage,
    pressed: ({ looks }) => looks.nearest,
    perform: (app) => flip(app, 'nearest'),
  },
  {
    id: 'view.stronger',
    name: 'Mask more opaque',
    group: 'View',
    keys: ['.'],
    enabled: withImage,
    perform: (app) => fade(app, 0.1),
  },
  {
    id: 'view.fainter',
    name: 'Mask more transparent',
    group: 'View',
    keys: [','],
    enabled: withImage,
    perform: (app) => fade(app, -0.1),
  },
  {
    id: 'page.shortcuts',
    name: 'Keyboard shortcuts',
    group: 'Page',
    keys: ['?'],
    icon: 'keyboard',
    enabled: () => true,
    perform: (app) => app.store.setState({ dialog: 'shortcuts' }),
  },
  {
    id: 'page.jobs',
    name: 'Import, export and background work',
    group: 'Page',
    keys: ['Shift+E'],
    icon: 'jobs',
    enabled: () => true,
    perform: (app) => app.store.setState({ dialog: 'jobs' }),
  },
  {
    id: 'page.prompts',
    name: 'Prompts: defects in words',
    group: 'Page',
    keys: ['Shift+P'],
    icon: 'words',
    enabled: () => true,
    perform: (app) => app.store.setState({ dialog: 'prompts' }),
  },
  {
    id: 'page.train',
    name: 'Train a detector on the labels',
    group: 'Page',
    keys: ['Shift+D'],
    icon: 'train',
    enabled: () => true,
    perform: (app) => app.store.setState({ dialog: 'train' }),
  },
  {
    id: 'page.compare',
    name: 'Compare two detectors on the images',
    group: 'Page',
    keys: ['Shift+V'],
    icon: 'versus',
    enabled: withImage,
    perform: (app) => app.store.setState({ dialog: 'compare' }),
  },
  {
    id: 'page.theme',
    name: 'Theme: as the system, light, dark',
    group: 'Page',
    keys: ['Shift+T'],
    icon: 'theme',
    enabled: () => true,
    perform: (app) => {
      const { theme } = app.store.getState();
      app.store.setState({ theme: THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length] });
    },
  },
  {
    id: 'page.queue',
    name: 'Show or hide the list of images',
    group: 'Page',
    keys: ['Q'],
    icon: 'list',
    enabled: () => true,
    pressed: ({ drawers }) => drawers.queue,
    perform: (app) => {
      const { drawers } = app.store.getState();
      app.store.setState({ drawers: { ...drawers, queue: !drawers.queue } });
    },
  },
  {
    id: 'page.panel',
    name: 'Show or hide the panel on the right',
    group: 'Page',
    keys: ['Shift+Q'],
    icon: 'panel',
    enabled: () => true,
    pressed: ({ drawers }) => drawers.panel,
    perform: (app) => {
      const { drawers } = app.store.getState();
      app.store.setState({ drawers: { ...drawers, panel: !drawers.panel } });
    },
  },
];
