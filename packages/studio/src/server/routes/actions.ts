/** What annotators do to images. */
import { basename } from 'node:path';
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import * as api from '../../api.ts';
import { fail } from '../../errors.ts';
import type { Studio } from '../../studio.ts';
import { idParams, route } from './project.ts';

/** Bitmaps of a large picture as runs. */
const ACTION_LIMIT = 32 * 1024 * 1024;

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
        answers: {
          200: api.actionAnswer,
          404: api.apiError,
          409: z.union([api.conflict, api.apiError]),
          422: api.apiError,
        },
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
}
