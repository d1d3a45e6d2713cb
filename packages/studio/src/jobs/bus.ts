/** What happens, told to whoever listens: open pages, through the server. */
import type { ServerEvent } from '../api.ts';

export type Listener = (event: ServerEvent) => void;

export class Bus {
  private readonly listeners = new Set<Listener>();

  emit(event: ServerEvent): void {
    for (const listener of this.listeners) listener(event);
  }

  /** @returns a function that ends listening. */
  listen(listener: Listener): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }
}
