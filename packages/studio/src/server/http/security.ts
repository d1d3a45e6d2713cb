/** Who may ask: the right host name, the right origin, and, where others can reach the server, a user. */
import { hostname, networkInterfaces } from 'node:os';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { API } from '../../api.ts';
import { fail } from '../../errors.ts';
import { isLoopback, LOOPBACK_HOSTS } from '../../loopback.ts';
import type { PublicAddress } from '../../public-address.ts';
import type { UserRepository } from '../../store/users.ts';
import { tokenCheck } from './tokens.ts';

/** Addresses that stand for all of a computer's. */
const EVERYWHERE = new Set(['0.0.0.0', '::', '[::]', '']);
export const COOKIE = 'adclick-session';

const bracketed = (address: string) => (address.includes(':') && !address.startsWith('[') ? `[${address}]` : address);

/** Names under which a server may be asked; any other name comes from a page that plays tricks with DNS. */
export function allowedHosts(host: string): Set<string> {
  const names = new Set(LOOPBACK_HOSTS);
  if (isLoopback(host)) return names;
  if (!EVERYWHERE.has(host)) return names.add(bracketed(host).toLowerCase());
  names.add(hostname().toLowerCase()).add(`${hostname().toLowerCase()}.local`);
  for (const addresses of Object.values(networkInterfaces()))
    for (const { address } of addresses ?? []) names.add(bracketed(address.split('%')[0]).toLowerCase());
  return names;
}

/** Whether a request goes to the API. Asks the route that was found, since a path may be written in many ways. */
const isApi = (request: FastifyRequest) => request.routeOptions.url?.startsWith(API) ?? false;

/** Host without port: "localhost" of "localhost:4280". */
const withoutPort = (host: string) => host.replace(/:\d+$/, '').toLowerCase();

/** A header's text, safe to be repeated in an answer. */
const quote = (text: string) => text.replace(/[^\x20-\x7e]/g, '?').slice(0, 100);

function checkHost(request: FastifyRequest, allowed: ReadonlySet<string>): void {
  const host = request.headers.host ?? '';
  if (!allowed.has(withoutPort(host))) throw fail('ADC_FOREIGN', { what: `host ${quote(host) || 'without a name'}` });
}

/** Pages of other sites may neither read nor write. A proxy may have put another host into the request than the page was opened on. */
function checkOrigin(request: FastifyRequest, at: PublicAddress | undefined): void {
  const { origin, host } = request.headers;
  const site = request.headers['sec-fetch-site'];
  if (origin !== undefined) {
    let from = '';
    try {
      from = new URL(origin).host;
    } catch {
      // "null" and nonsense are nobody's origin.
    }
    const isPublic = at !== undefined && withoutPort(host ?? '') === at.hostname;
    const isOwn = origin === at?.origin || (!isPublic && from.toLowerCase() === (host ?? '').toLowerCase());
    if (!isOwn) throw fail('ADC_FOREIGN', { what: `origin ${quote(origin)}` });
  } else if (site === 'cross-site' || site === 'same-site') {
    // A link from elsewhere may open the page, but nothing else.
    const opens = request.headers['sec-fetch-mode'] === 'navigate' && !isApi(request);
    if (!opens) throw fail('ADC_FOREIGN', { what: 'another site' });
  }
}

export interface SecurityOptions {
  readonly host: string;
  /** Where a proxy makes it known. */
  readonly at: PublicAddress | undefined;
  /** Users that must log in; undefined where everyone on this computer is the same person. */
  readonly users: UserRepository | undefined;
  /** Name of that person. */
  readonly localUser: string;
}

declare module 'fastify' {
  interface FastifyInstance {
    /** Exchanges a token for the user's name, see {@link tokenCheck}; undefined where nobody has to log in. */
    checkToken: ReturnType<typeof tokenCheck> | undefined;
  }
  interface FastifyRequest {
    /** Who asks. */
    user: string;
    /** Whether who asked may still ask, later. */
    isAdmitted(): Promise<boolean>;
  }
  interface FastifyContextConfig {
    /** Answered without a user. */
    open?: boolean;
  }
}

/** Adds the checks to every route. */
export function addSecurity(app: FastifyInstance, { host, at, users, localUser }: SecurityOptions): void {
  const allowed = allowedHosts(host);
  if (at) allowed.add(at.hostname);
  const checkToken = users && tokenCheck(app, users);
  app.decorate('checkToken', checkToken);
  app.decorateRequest('user', '');
  app.decorateRequest('isAdmitted', async () => true);
  app.addHook('onRequest', async (request) => {
    checkHost(request, allowed);
    checkOrigin(request, at);
    if (!users || !checkToken) {
      request.user = localUser;
      return;
    }
    if (!isApi(request) || request.routeOptions.config.open) return;
    const cookie = request.cookies[COOKIE];
    const bearer = /^Bearer (\S{8,200})$/.exec(request.headers.authorization ?? '')?.[1];
    const user = cookie ? await users.userOf(cookie) : bearer ? await checkToken(request, bearer) : undefined;
    if (user === undefined)
      throw fail('ADC_LOGIN', { what: cookie || bearer ? 'The session is not known' : 'Nobody is logged in' });
    request.user = user;
    request.isAdmitted = async () =>
      (cookie ? await users.userOf(cookie) : bearer ? await users.check(bearer) : undefined) === user;
  });
}
