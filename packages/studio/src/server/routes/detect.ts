/** The route that looks for defects in a picture somebody sends. */
import multipart from '@fastify/multipart';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { z } from 'zod';
import * as api from '../../api.ts';
import { fail } from '../../errors.ts';
import type { Studio } from '../../studio.ts';
import { route } from './project.ts';

/** Bytes of a picture; the number of its pixels is limited where it is decoded. */
const PICTURE_LIMIT = 64 * 1024 * 1024;

/** The one file of a form. */
async function fileOf(request: FastifyRequest): Promise<Uint8Array> {
  try {
    const part = await request.file();
    if (part) return await part.toBuffer();
  } catch (error) {
    if ((error as { code?: string }).code === 'FST_REQ_FILE_TOO_LARGE')
      throw fail('ADC_TOO_LARGE', { limit: PICTURE_LIMIT }, error);
    throw fail('ADC_REQUEST', { field: 'body', what: 'is no form with a file' }, error);
  }
  throw fail('ADC_REQUEST', { field: 'body', what: 'must hold a file' });
}

/** Adds the route to a scope of its own, whose parsers of bodies concern nobody else. */
export async function addDetect(app: FastifyInstance, studio: Studio): Promise<void> {
  app.removeAllContentTypeParsers();
  await app.register(multipart, { limits: { fileSize: PICTURE_LIMIT, files: 1, fields: 8, fieldSize: 1024 } });
  app.addContentTypeParser(
    /^(image\/[\w.+-]+|application\/octet-stream)$/,
    { parseAs: 'buffer', bodyLimit: PICTURE_LIMIT },
    (_request, body, done) => done(null, body),
  );
  app.addContentTypeParser('*', (_request, _payload, done) =>
    done(fail('ADC_REQUEST', { field: 'content-type', what: 'must be an image or multipart/form-data' })),
  );

  app.post<{ Querystring: z.infer<typeof api.detectQuery> }>(
    '/detect',
    {
      bodyLimit: PICTURE_LIMIT,
      schema: route({
        summary: "What the category's detector finds in a picture: the file as the body, or as the one file of a form",
        tags: ['detection'],
        querystring: api.detectQuery,
        answers: { 200: api.detectAnswer, 404: api.apiError, 413: api.apiError, 422: api.apiError },
      }),
    },
    async (request) => {
      const { category, map } = request.query;
      const bytes = request.isMultipart() ? await fileOf(request) : request.body;
      if (!(bytes instanceof Uint8Array) || bytes.length === 0)
        throw fail('ADC_REQUEST', { field: 'body', what: 'must be an image file' });
      return studio.detect(category, bytes, map === 'true');
    },
  );
}
