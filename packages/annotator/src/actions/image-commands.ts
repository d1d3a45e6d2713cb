/** Commands that go through the images and say what is on them. */
import { candidatesShown, hasMask, proposalShown } from '../state/store.ts';
import type { Command } from './command.ts';

export const IMAGE_COMMANDS: readonly Command[] = [
  {
    id: 'image.accept',
    name: 'Accept and go to the next image',
    group: 'Label',
    keys: ['Enter'],
    icon: 'check',
    enabled: ({ image }) => image !== null,
    perform: (app) => app.accept(),
  },
  {
    id: 'image.noDefect',
    name: 'No defect, go to the next image',
    group: 'Label',
    keys: ['N'],
    icon: 'good',
    enabled: ({ image }) => image !== null,
    perform: (app) => app.noDefect(),
  },
  {
    id: 'proposal.accept',
    name: 'Accept the proposal and stay',
    group: 'Label',
    keys: ['A'],
    icon: 'sparkle',
    enabled: (state) => proposalShown(state) && state.activeType !== null,
    perform: (app) => {
      const { activeType } = app.store.getState();
      if (activeType !== null) app.act({ kind: 'acceptProposal', type: activeType });
    },
  },
  {
    id: 'proposal.reject',
    name: 'Hide the proposal',
    group: 'Label',
    keys: ['X'],
    icon: 'cross',
    enabled: proposalShown,
    perform: (app) => {
      const { image } = app.store.getState();
      if (image) app.store.setState({ image: { ...image, proposalHidden: true } });
    },
  },
  {
    id: 'candidates.take',
    name: 'Take the dashed parts too',
    group: 'Label',
    keys: ['S'],
    icon: 'plus',
    enabled: (state) => candidatesShown(state) !== null,
    perform: (app) => app.takeCandidates(),
  },
  {
    id: 'region.finish',
    name: 'Finish this region, the next click begins another',
    group: 'Label',
    keys: ['F'],
    icon: 'finish',
    enabled: ({ image }) => (image?.facts.clicks.length ?? 0) > 0,
    perform: (app) => app.act({ kind: 'finishRegion' }),
  },
  {
    id: 'mask.clear',
    name: 'Remove the whole mask',
    group: 'Label',
    keys: ['Shift+Delete'],
    icon: 'trash',
    enabled: ({ image }) => image !== null && hasMask(image),
    perform: (app) => app.act({ kind: 'clear' }),
  },
  {
    id: 'image.undo',
    name: 'Undo',
    group: 'Label',
    keys: ['Mod+Z'],
    icon: 'undo',
    enabled: ({ image, saving }) => image !== null && (image.server.canUndo || saving.waiting > 0),
    perform: (app) => app.act({ kind: 'undo' }),
  },
  {
    id: 'image.redo',
    name: 'Redo',
    group: 'Label',
    keys: ['Mod+Shift+Z', 'Mod+Y'],
    icon: 'redo',
    enabled: ({ image }) => image?.server.canRedo === true,
    perform: (app) => app.act({ kind: 'redo' }),
  },
  {
    id: 'review.approve',
    name: 'Approve this label',
    group: 'Label',
    keys: ['Shift+A'],
    enabled: ({ image }) => image !== null && image.facts.state !== 'todo',
    pressed: ({ image }) => image?.facts.review === 'approved',
    perform: (app) => review(app, 'approved'),
  },
  {
    id: 'review.reject',
    name: 'Send this label back',
    group: 'Label',
    keys: ['Shift+R'],
    enabled: ({ image }) => image !== null && image.facts.state !== 'todo',
    pressed: ({ image }) => image?.facts.review === 'rejected',
    perform: (app) => review(app, 'rejected'),
  },
  {
    id: 'image.next',
    name: 'Next image',
    group: 'Images',
    keys: ['J', 'PageDown'],
    icon: 'down',
    enabled: ({ total }) => (total ?? 0) > 0,
    perform: (app) => app.go(1),
  },
  {
    id: 'image.previous',
    name: 'Previous image',
    group: 'Images',
    keys: ['K', 'PageUp'],
    icon: 'up',
    enabled: ({ total }) => (total ?? 0) > 0,
    perform: (app) => app.go(-1),
  },
  {
    id: 'image.nextTodo',
    name: 'Next image without a label',
    group: 'Images',
    keys: ['T'],
    icon: 'skip',
    enabled: ({ total }) => (total ?? 0) > 0,
    perform: (app) => app.goTodo(),
  },
  {
    id: 'queue.search',
    name: 'Search the images',
    group: 'Images',
    keys: ['/'],
    enabled: () => true,
    perform: (app) => {
      const { drawers } = app.store.getState();
      app.store.setState({ drawers: { ...drawers, queue: true } });
      requestAnimationFrame(() => document.getElementById('queue-search')?.focus());
    },
  },
];

/** Gives a verdict, or takes the same one back. */
function review(app: Parameters<Command['perform']>[0], verdict: 'approved' | 'rejected'): void {
  const { image } = app.store.getState();
  if (image) app.act({ kind: 'review', review: image.facts.review === verdict ? 'none' : verdict });
}
