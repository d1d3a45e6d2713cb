/** One line of log a request, and the request's id on every line that it leads to. */
import type { FastifyInstance } from 'fastify';
import { inContext, log } from '../../log.ts';

/** Adds the lines; clients are told the id, to be quoted, in `x-request-id`. */
export function addLog(app: FastifyInstance): void {
  app.addHook('onRequest', (request, reply, done) => {
    reply.header('x-request-id', request.id);
    inContext({ request: request.id }, done);
  });
  app.addHook('onResponse', async ({ id, method, routeOptions }, { statusCode, elapsedTime }) => {
    // The route and not its address: what people search for, and what their files are called, is not logged.
    const facts = { request: id, method, route: routeOptions.url, status: statusCode, ms: Math.round(elapsedTime) };
    log.info(facts, 'request');
  });
}
