/** Starts the labelling page. */
import './no-eval.ts';

import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { Tooltip } from 'radix-ui';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { listenToKeys } from './actions/keyboard.ts';
import { httpApi } from './api/client.ts';
import { listen } from './api/events.ts';
import { painted } from './canvas/painted.ts';
import { App } from './state/app.ts';
import { openSession, readSettings, shelfOf, takeOrphans, writeSettings } from './state/storage.ts';
import { type AppState, makeStore } from './state/store.ts';
import { AppContext } from './ui/context.ts';
import { Page } from './ui/page.tsx';
import './ui/style.css';

/** Image that the address names: `#image=12`. */
function imageInAddress(): number | null {
  const id = Number(/^#image=(\d+)$/.exec(location.hash)?.[1]);
  return id > 0 ? id : null;
}

function applyTheme(theme: AppState['theme']): void {
  if (theme === 'system') delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
}

async function start(): Promise<void> {
  const settings = readSettings();
  applyTheme(settings.theme);
  const store = makeStore(settings);
  const session = await openSession();
  const decode = (blob: Blob) => createImageBitmap(blob);
  const app = new App({
    api: httpApi,
    store,
    shelf: shelfOf(session),
    session,
    decode,
    painted,
    reload: () => location.reload(),
  });
  store.subscribe((now, before) => {
    if (now.theme !== before.theme) applyTheme(now.theme);
    if (now.image?.id !== before.image?.id && now.image) history.replaceState(null, '', `#image=${now.image.id}`);
    const { theme, looks, brushSize, order } = now;
    if (theme !== before.theme || looks !== before.looks || brushSize !== before.brushSize || order !== before.order)
      writeSettings({ theme, opacity: looks.opacity, brushSize, order });
  });
  // A small screen begins with the picture.
  if (window.innerWidth < 900) store.setState({ drawers: { queue: false, panel: true } });
  listenToKeys(app);
  createRoot(document.getElementById('root') as HTMLElement).render(
    <StrictMode>
      <QueryClientProvider client={new QueryClient({ defaultOptions: { queries: { retry: 1 } } })}>
        <AppContext value={app}>
          <Tooltip.Provider delayDuration={500}>
            <Page />
          </Tooltip.Provider>
        </AppContext>
      </QueryClientProvider>
    </StrictMode>,
  );
  await takeOrphans(session, (text) => app.outbox.adopt(text));
  let started = false;
  listen({
    onOpen: () => {
      if (started) app.reconnected();
      else void app.askJobs();
    },
    onLost: () => void app.streamLost(),
    onEvent: (event) => app.onEvent(event),
  });
  window.addEventListener('hashchange', () => {
    const id = imageInAddress();
    if (id !== null && id !== store.getState().image?.id) void app.open(id);
  });
  // A server that is just starting is asked again until it answers.
  for (;;) {
    try {
      await app.start(imageInAddress());
      started = true;
      return;
    } catch (error) {
      app.report(error);
      await new Promise((resolve) => setTimeout(resolve, 1000));
    }
  }
}

void start();
