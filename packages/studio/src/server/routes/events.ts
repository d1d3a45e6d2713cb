/** The stream that tells pages what happens. */
import type { FastifyInstance } from 'fastify';
import * as api from '../../api.ts';
import type { Studio } from '../../studio.ts';
import type { Streams } from '../http/streams.ts';
import { route } from './project.ts';

export function addEvents(app: FastifyInstance, studio: Studio, streams: Streams): void {
  const stop = studio.bus.listen((event) => streams.tell(event));
  // Before the server waits for its connections to end.
  app.addHook('preClose', async () => {
    stop();
    streams.close();
  });

  app.get(
    '/events',
    {
      // A head alone would be a stream that never ends.
      exposeHeadRoute: false,
      schema: route({
        summary: "What happens, as server-sent events; an event's name is its kind",
        tags: ['events'],
        answers: { 200: 'A stream of text/event-stream; data is JSON', 429: api.apiError },
      }),
    },
    (request, reply) => {
      const { user, isAdmitted } = request;
      streams.expectRoom(user);
      reply.hijack();
      const { raw } = reply;
      for (const [name, value] of Object.entries(reply.getHeaders()))
        if (value !== undefined) raw.setHeader(name, value);
      raw.writeHead(200, {
        'content-type': 'text/event-stream; charset=utf-8',
        'cache-control': 'no-store, no-transform',
        // nginx would keep events until it has some kilobytes of them.
        'x-accel-buffering': 'no',
      });
      streams.add({ user, isAdmitted }, raw);
    },
  );
}
