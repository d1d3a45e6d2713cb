/** Letting a project's server listen, and ending it cleanly. */
import type { CodedError } from '@adclick/ortgrad';
import type { FastifyInstance } from 'fastify';
import { fail } from '../errors.ts';
import { localUser } from '../local-user.ts';
import { isLoopback } from '../loopback.ts';
import type { Lease } from '../project/lease.ts';
import { leaseToServe, withFirstDatabase } from '../project/leases.ts';
import type { Project } from '../project/project.ts';
import { publicAddress } from '../public-address.ts';
import { Studio, type StudioOptions } from '../studio.ts';
import { type AppOptions, createApp } from './app.ts';

export const DEFAULT_PORT = 4280;
/** Ports that are tried when the default one is taken. */
const TRIED = 20;

export interface ServeOptions extends StudioOptions {
  /** Default: the first free one from {@link DEFAULT_PORT} on. 0 takes any. */
  readonly port?: number;
  /** Address to listen on; default loopback. With another one, people have to log in. */
  readonly host?: string;
  /** Address under which a proxy makes the server known. People have to log in then, unless it is on this computer. */
  readonly publicUrl?: string | undefined;
  readonly trustProxy?: AppOptions['trustProxy'];
  readonly page?: string;
  /** Takes the project from a server that gives no sign of life. */
  readonly takeover?: boolean;
  /** Ends the wait for an owner that gives no sign of life. */
  readonly signal?: AbortSignal;
}

export interface Serving {
  /** Where browsers find it: the public address, where there is one. */
  readonly address: string;
  /** Where it listens, for the proxy. */
  readonly behind: string;
  readonly studio: Studio;
  /** Resolves with the reason when the project is another process's now: nothing is acknowledged any more. */
  readonly lost: Promise<CodedError>;
  close(): Promise<void>;
}

async function listen(app: FastifyInstance, host: string, wanted: number | undefined): Promise<number> {
  const first = wanted ?? DEFAULT_PORT;
  const last = wanted === undefined ? first + TRIED - 1 : first;
  for (let port = first; ; port++) {
    try {
      await app.listen({ host, port });
      const address = app.server.address();
      return typeof address === 'object' && address ? address.port : port;
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      if (code === 'EADDRINUSE' && port < last) continue;
      const reasons: Record<string, string> = {
        EADDRINUSE: 'another program uses it',
        EACCES: 'permission denied',
        EADDRNOTAVAIL: 'this computer has no such address',
        ENOTFOUND: 'there is no such host',
      };
      throw fail('ADC_PORT', { port, host, what: reasons[code ?? ''] ?? message }, error);
    }
  }
}

/**
 * Opens a project and serves it, as the only process that does. @throws ADC_SERVED, ADC_IN_USE, ADC_PORT, ADC_DATABASE, ADC_USAGE; ADC_LOGIN
 * when others could reach it but there is no user.
 */
export async function serve(project: Project, options: ServeOptions = {}): Promise<Serving> {
  const lease = await leaseToServe(project.root, options.takeover, options.signal);
  try {
    return await serveUnder(lease, project, options);
  } catch (error) {
    await lease.release();
    throw error;
  }
}

async function serveUnder(lease: Lease, project: Project, options: ServeOptions): Promise<Serving> {
  const { host = '127.0.0.1', port, page, publicUrl, trustProxy } = options;
  const at = publicUrl === undefined ? undefined : publicAddress(publicUrl);
  const lost = new Promise<CodedError>((resolve) => lease.onLost(resolve));
  let closing = false;
  // What requests meet that the end of the server cuts off is no failure of it.
  const onFailure = (error: CodedError) => {
    if (!closing) options.onFailure?.(error);
  };
  const users = !isLoopback(host) || (at !== undefined && !isLoopback(at.hostname));
  const studio = await withFirstDatabase(project.root, () => Studio.open(project, { ...options, onFailure }));
  let app: FastifyInstance | undefined;
  try {
    if (users && (await studio.store.users.names()).length === 0)
      throw fail('ADC_LOGIN', { what: 'Others could reach this server, but it has no user yet' });
    const made = await createApp(studio, {
      host,
      publicUrl,
      trustProxy,
      users,
      localUser: localUser(),
      page,
      onFailure,
      owned: () => lease.check(),
    });
    app = made;
    const taken = await listen(made, host, port);
    const name = ['0.0.0.0', '::'].includes(host) ? 'localhost' : host.includes(':') ? `[${host}]` : host;
    const behind = `http://${name}:${taken}/`;
    const address = at?.href ?? behind;
    await lease.serveAt(address);
    return {
      address,
      behind,
      studio,
      lost,
      close: async () => {
        closing = true;
        await made.close();
        await studio.close();
        await lease.release();
      },
    };
  } catch (error) {
    await app?.close();
    await studio.close();
    throw error;
  }
}
