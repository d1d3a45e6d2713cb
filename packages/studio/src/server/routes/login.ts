/** Logging in with a token, where the server asks for it. */
import type { FastifyInstance } from 'fastify';
import type { z } from 'zod';
import * as api from '../../api.ts';
import { fail } from '../../errors.ts';
import type { Studio } from '../../studio.ts';
import { COOKIE } from '../http/security.ts';
import { route } from './project.ts';

/** Guesses a minute from one address. */
const TRIES = 10;
const tags = ['login'];

export function addLogin(app: FastifyInstance, studio: Studio, users: boolean): void {
  app.post<{ Body: z.infer<typeof api.login> }>(
    '/login',
    {
      schema: route({
        summary: 'Exchange a token for a session cookie',
        tags,
        body: api.login,
        answers: { 200: api.session, 401: api.apiError, 422: api.apiError, 429: api.apiError },
      }),
      config: { open: true, ...(users ? { rateLimit: { max: TRIES, timeWindow: '1 minute' } } : {}) },
    },
    async (request, reply) => {
      if (!users) return { user: request.user };
      const user = await studio.store.users.check(request.body.token);
      if (user === undefined) throw fail('ADC_LOGIN', { what: 'The token is not known' });
      const { cookie, expires } = await studio.store.users.openSession(user);
      reply.setCookie(COOKIE, cookie, { path: '/', httpOnly: true, sameSite: 'strict', expires });
      return { user };
    },
  );

  app.post(
    '/logout',
    { schema: route({ summary: 'End the session', tags, answers: { 204: 'Nothing' } }) },
    async (request, reply) => {
      const cookie = request.cookies[COOKIE];
      if (cookie && users) await studio.store.users.closeSession(cookie);
      return reply.clearCookie(COOKIE, { path: '/' }).code(204).send();
    },
  );
}
