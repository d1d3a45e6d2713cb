/** Logging in with a token, where the server asks for it. */
import type { FastifyInstance } from 'fastify';
import type { z } from 'zod';
import * as api from '../../api.ts';
import { fail } from '../../errors.ts';
import type { PublicAddress } from '../../public-address.ts';
import type { Studio } from '../../studio.ts';
import { COOKIE } from '../http/security.ts';
import type { Streams } from '../http/streams.ts';
import { route } from './project.ts';

const tags = ['login'];

/** @param at where a proxy makes the server known: browsers send the cookie there alone. */
export function addLogin(
  app: FastifyInstance,
  studio: Studio,
  { streams, at }: { streams: Streams; at: PublicAddress | undefined },
): void {
  const place = { path: at?.prefix || '/', secure: at?.isSecure ?? false };
  app.post<{ Body: z.infer<typeof api.login> }>(
    '/login',
    {
      schema: route({
        summary: 'Exchange a token for a session cookie',
        tags,
        body: api.login,
        answers: { 200: api.session, 401: api.apiError, 422: api.apiError, 429: api.apiError },
      }),
      config: { open: true },
    },
    async (request, reply) => {
      if (!app.checkToken) return { user: request.user };
      const user = await app.checkToken(request, request.body.token);
      if (user === undefined) throw fail('ADC_LOGIN', { what: 'The token is not known' });
      const { cookie, expires } = await studio.store.users.openSession(user);
      reply.setCookie(COOKIE, cookie, { ...place, httpOnly: true, sameSite: 'strict', expires });
      return { user };
    },
  );

  app.post(
    '/logout',
    { schema: route({ summary: 'End the session', tags, answers: { 204: 'Nothing' } }) },
    async (request, reply) => {
      const cookie = request.cookies[COOKIE];
      if (cookie && app.checkToken) {
        await studio.store.users.closeSession(cookie);
        await streams.review(request.user);
      }
      return reply.clearCookie(COOKIE, place).code(204).send();
    },
  );
}
