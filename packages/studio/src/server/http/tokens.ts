/** Tokens that people and programs show, and how many wrong ones an address may show. */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { fail } from '../../errors.ts';
import type { UserRepository } from '../../store/users.ts';

/** Wrong tokens a minute from one address. */
const WRONG = 10;
/** Addresses that are counted at once; the one that was quiet for longest is forgotten first. */
export const COUNTED_ADDRESSES = 5_000;

/**
 * Makes the one check of tokens. Tokens of one address are checked one after the other, so that many at once are counted like many in a row.
 * @param app with the plugin that limits rates, which knows the client's own address and counts a network of IPv6 as one.
 * @returns the user of a token, undefined for a wrong one. @throws ADC_RATE.
 */
export function tokenCheck(
  app: FastifyInstance,
  users: UserRepository,
): (request: FastifyRequest, token: string) => Promise<string | undefined> {
  const wrong = app.createRateLimit({ max: WRONG, timeWindow: '1 minute' });
  /** The last check of each address that has one running. */
  const running = new Map<string, Promise<unknown>>();
  const check = async (request: FastifyRequest, token: string) => {
    const so = await wrong(request, { increment: false });
    if (!so.isAllowed && so.remaining === 0) throw fail('ADC_RATE', { limit: WRONG, what: 'wrong tokens' });
    const user = await users.check(token);
    if (user === undefined) await wrong(request);
    return user;
  };
  return async (request, token) => {
    const { ip } = request;
    const before = running.get(ip) ?? Promise.resolve();
    const result = before.then(() => check(request, token));
    // Who asked hears of it; whoever is next only waits.
    const settled = result.catch(() => undefined);
    running.set(ip, settled);
    try {
      return await result;
    } finally {
      if (running.get(ip) === settled) running.delete(ip);
    }
  };
}
