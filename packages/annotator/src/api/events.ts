/** Server-sent events, with a connection that comes back by itself. */
import { type ServerEvent, serverEvent } from 'adclick/api';
import { eventsUrl } from './client.ts';

export interface EventsListener {
  onEvent(event: ServerEvent): void;
  /** The stream has opened, for the first time or again. */
  onOpen(): void;
  /** The stream has broken; another attempt follows. */
  onLost(): void;
}

/** Names of the events that the server sends. */
const KINDS = serverEvent.options.map((option) => option.shape.kind.value);

/** Milliseconds until another attempt; browsers give up by themselves on some errors, so the page counts on its own clock. */
const RETRY = { first: 500, most: 5000 } as const;

/** Opens the stream and keeps it open. @returns a function that closes it. */
export function listen(listener: EventsListener): () => void {
  let source: EventSource | undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let wait: number = RETRY.first;
  let closed = false;
  const open = () => {
    source = new EventSource(eventsUrl);
    source.onopen = () => {
      wait = RETRY.first;
      listener.onOpen();
    };
    source.onerror = () => {
      source?.close();
      if (closed) return;
      listener.onLost();
      timer = setTimeout(open, wait);
      wait = Math.min(wait * 2, RETRY.most);
    };
    for (const kind of KINDS)
      source.addEventListener(kind, (message) => {
        const event = readEvent((message as MessageEvent<string>).data);
        if (event) listener.onEvent(event);
      });
  };
  open();
  return () => {
    closed = true;
    clearTimeout(timer);
    source?.close();
  };
}

function readEvent(text: string): ServerEvent | undefined {
  try {
    return serverEvent.parse(JSON.parse(text));
  } catch {
    // An event of a newer server that this page does not know is no reason to stop listening.
    return undefined;
  }
}
