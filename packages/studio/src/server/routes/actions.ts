/** What annotators do to images, and the stream that tells other pages of it. */
import { basename } from 'node:path';
import type { FastifyInstance } from 'fastify';
import type { z } from 'zod';
import * as api from '../../api.ts';
import { fail } from '../../errors.ts';
import type { Studio } from '../../studio.ts';
import { idParams, route } from './project.ts';

/** Bitmaps of a large picture as runs. */
const ACTION_LIMIT = 32 * 1024 * 1024;
/** Keeps proxies and browsers from taking a silent stream for a dead one. */
const HEARTBEAT_MS = 15_000;
/** Bytes that a page may be behind before its stream is ended; it opens a new one and reads what stands. */
const BACKLOG = 1024 * 1024;

export function addActions(app: FastifyInstance, studio: Studio): void {
  app.post<{ Params: z.infer<typeof idParams>; Body: z.infer<typeof api.actionRequest> }>(
    '/images/:id/actions',
    {
      bodyLimit: ACTION_LIMIT,
      schema: route({
        summary: 'Do something to an image; answers when it is on the disk and its mask is known or superseded',
        tags: ['images'],
        params: idParams,
        body: api.actionRequest,
        answers: { 200: api.actionAnswer, 404: api.apiError, 409: api.conflict, 422: api.apiError },
      }),
    },
    async (request) => {
      studio.preparation.touch();
      const { author, project } = request.body;
      if (project !== undefined && project !== studio.store.id)
        throw fail('ADC_OTHER_PROJECT', { served: basename(studio.project.root) });
      if (author !== undefined && author !== request.user)
        throw fail('ADC_LOGIN', {
          what: `This browser is logged in as ${request.user}, and the change is by ${author}`,
        });
      return studio.labels.act(request.params.id, request.body, request.user);
    },
  );

  app.get(
    '/events',
    {
      schema: route({
        summary: "What happens, as server-sent events; an event's name is its kind",
        tags: ['events'],
        answers: { 200: 'A stream of text/event-stream; data is JSON' },
      }),
    },
    (request, reply) => {
      reply.hijack();
      const { raw } = reply;
      for (const [name, value] of Object.entries(reply.getHeaders()))
        if (value !== undefined) raw.setHeader(name, value);
      raw.writeHead(200, {
        'content-type': 'text/event-stream; charset=utf-8',
        'cache-control': 'no-store',
        'x-accel-buffering': 'no',
      });
      raw.write('retry: 1000\n\n');
      const send = (text: string) => {
        if (raw.writableLength > BACKLOG) raw.destroy();
        else raw.write(text);
      };
      const stop = studio.bus.listen((event) => send(`event: ${event.kind}\ndata: ${JSON.stringify(event)}\n\n`));
      const heartbeat = setInterval(() => send(': still here\n\n'), HEARTBEAT_MS);
      request.raw.on('close', () => {
        stop();
        clearInterval(heartbeat);
      });
    },
  );
}
