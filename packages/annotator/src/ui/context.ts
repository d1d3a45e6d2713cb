/** How components reach controller and state. */
import { createContext, useContext } from 'react';
import { useStore } from 'zustand';
import { useShallow } from 'zustand/react/shallow';
import type { App } from '../state/app.ts';
import type { AppState } from '../state/store.ts';

export const AppContext = createContext<App | null>(null);

/** @throws Error outside the page. */
export function useApp(): App {
  const app = useContext(AppContext);
  if (!app) throw new Error('useApp outside of AppContext');
  return app;
}

/** A part of the state; the component is drawn again when that part changes. */
export function useAppState<Part>(select: (state: AppState) => Part): Part {
  return useStore(useApp().store, select);
}

/** Several parts as one object, compared one level deep. */
export function useAppParts<Part>(select: (state: AppState) => Part): Part {
  return useStore(useApp().store, useShallow(select));
}
