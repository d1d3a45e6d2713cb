/** What the page keeps on this computer: unsaved actions, one shelf a tab, and how it looks. */
import type { Shelf } from './outbox.ts';

const SHELF = 'adclick.unsaved.';
const SETTINGS = 'adclick.settings';
const SESSION = 'adclick.session';

const randomName = () =>
  Array.from(crypto.getRandomValues(new Uint8Array(9)), (b) => b.toString(16).padStart(2, '0')).join('');

function attempt<Result>(read: () => Result, otherwise: Result): Result {
  try {
    return read();
  } catch {
    // A browser may forbid storage altogether.
    return otherwise;
  }
}

/** Holds a lock of that name as long as the tab lives. @returns false when another tab holds it. */
async function hold(session: string): Promise<boolean> {
  if (!navigator.locks) return true;
  return new Promise((resolve) => {
    void navigator.locks.request(`${SHELF}${session}`, { ifAvailable: true }, (lock) => {
      resolve(lock !== null);
      return lock ? new Promise(() => undefined) : undefined;
    });
  });
}

/** The name of this tab; it survives a reload, and a duplicated tab gets its own. */
export async function openSession(): Promise<string> {
  const known = attempt(() => sessionStorage.getItem(SESSION), null);
  if (known && (await hold(known))) return known;
  const session = randomName();
  await hold(session);
  attempt(() => sessionStorage.setItem(SESSION, session), undefined);
  return session;
}

export function shelfOf(session: string): Shelf {
  const key = `${SHELF}${session}`;
  return {
    read: () => attempt(() => localStorage.getItem(key), null),
    write: (text) => (text ? localStorage.setItem(key, text) : localStorage.removeItem(key)),
  };
}

/** Hands over the shelves of tabs that are gone, each before it is emptied. */
export async function takeOrphans(session: string, adopt: (text: string) => void): Promise<void> {
  const keys = attempt(() => Object.keys(localStorage), []).filter((key) => key.startsWith(SHELF));
  for (const key of keys) {
    if (key === `${SHELF}${session}` || !navigator.locks) continue;
    await navigator.locks.request(key, { ifAvailable: true }, (lock) => {
      const text = lock && localStorage.getItem(key);
      if (!text) return;
      adopt(text);
      localStorage.removeItem(key);
    });
  }
}

/** How the page looks to this person. */
export interface Settings {
  readonly theme: 'system' | 'light' | 'dark';
  readonly opacity: number;
  readonly brushSize: number;
  readonly order: 'uncertainty' | 'residual' | 'diversity' | 'name';
}

export const DEFAULT_SETTINGS: Settings = { theme: 'system', opacity: 0.6, brushSize: 12, order: 'residual' };

export function readSettings(): Settings {
  const text = attempt(() => localStorage.getItem(SETTINGS), null);
  const known = attempt(() => JSON.parse(text ?? '{}') as Partial<Settings>, {});
  return { ...DEFAULT_SETTINGS, ...known };
}

export function writeSettings(settings: Settings): void {
  attempt(() => localStorage.setItem(SETTINGS, JSON.stringify(settings)), undefined);
}
