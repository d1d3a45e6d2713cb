/** The registry is complete and unambiguous: what the shortcut sheet shows is what the keys do. */
import { describe, expect, it } from 'vitest';
import { DEFAULT_SETTINGS } from '../state/storage.ts';
import { makeStore } from '../state/store.ts';
import { type KeyPress, keyLabel, matches } from './command.ts';
import { belongsToControl, COMMANDS, commandFor, commandOf } from './registry.ts';

const press = (key: string, change: Partial<KeyPress> = {}): KeyPress => ({
  key,
  ctrlKey: false,
  metaKey: false,
  shiftKey: false,
  altKey: false,
  ...change,
});

describe('commands', () => {
  it('have ids, names and keys of their own', () => {
    expect(new Set(COMMANDS.map(({ id }) => id)).size).toBe(COMMANDS.length);
    expect(new Set(COMMANDS.map(({ name }) => name)).size).toBe(COMMANDS.length);
    for (const { keys, id } of COMMANDS) expect(keys.length, id).toBeGreaterThan(0);
    expect(() => commandOf('no.such')).toThrow(RangeError);
  });

  it('share no key, but for Enter while a polygon is drawn', () => {
    const taken = new Map<string, string[]>();
    for (const { keys, id } of COMMANDS) for (const key of keys) taken.set(key, [...(taken.get(key) ?? []), id]);
    const shared = [...taken].filter(([, ids]) => ids.length > 1);
    expect(shared).toEqual([['Enter', ['polygon.close', 'image.accept']]]);
  });

  it('take Enter for the polygon first', () => {
    const state = makeStore(DEFAULT_SETTINGS).getState();
    const image = {} as NonNullable<typeof state.image>;
    expect(commandFor(press('Enter'), { ...state, image })?.id).toBe('image.accept');
    const drawing = { ...state, image, draft: { kind: 'polygon', points: [] } as const };
    expect(commandFor(press('Enter'), drawing)?.id).toBe('polygon.close');
    expect(commandFor(press('Enter'), state)).toBeUndefined();
  });
});

describe('keys', () => {
  it('match with their modifiers only', () => {
    expect(matches('Mod+Z', press('z', { ctrlKey: true }))).toBe(true);
    expect(matches('Mod+Z', press('z', { metaKey: true }))).toBe(true);
    expect(matches('Mod+Z', press('Z', { ctrlKey: true, shiftKey: true }))).toBe(false);
    expect(matches('Mod+Shift+Z', press('Z', { ctrlKey: true, shiftKey: true }))).toBe(true);
    expect(matches('N', press('n', { ctrlKey: true }))).toBe(false);
    expect(matches('N', press('n', { altKey: true }))).toBe(false);
    expect(matches('Space', press(' '))).toBe(true);
  });

  it('match signs with and without Shift, whatever the keyboard', () => {
    expect(matches('?', press('?', { shiftKey: true }))).toBe(true);
    expect(matches('[', press('[', { ctrlKey: true, altKey: true }))).toBe(true);
    expect(matches('[', press('[', { altKey: true }))).toBe(false);
    expect(matches('+', press('+'))).toBe(true);
    expect(matches('+', press('+', { shiftKey: true }))).toBe(true);
    expect(matches('1', press('1', { shiftKey: true }))).toBe(false);
  });

  it('read as people write them', () => {
    expect(keyLabel('Mod+Shift+Z', false)).toBe('Ctrl+Shift+Z');
    expect(keyLabel('Shift+ArrowLeft', false)).toBe('Shift+←');
    expect(keyLabel('+', false)).toBe('+');
  });

  it('belong to the control that has the focus', () => {
    expect(belongsToControl('text', press('n'))).toBe(true);
    expect(belongsToControl('button', press('Enter'))).toBe(true);
    expect(belongsToControl('button', press('n'))).toBe(false);
    expect(belongsToControl('slider', press('ArrowLeft'))).toBe(true);
    expect(belongsToControl('page', press('Enter'))).toBe(false);
  });
});
