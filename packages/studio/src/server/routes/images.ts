/** Routes of images: the queue, one image, its pictures. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import * as api from '../../api.ts';
import type { ServedPicture } from '../../queue/pictures.ts';
import type { Studio } from '../../studio.ts';
import { idParams, route } from './project.ts';

type Id = z.infer<typeof idParams>;
type PictureQuery = z.infer<typeof api.pictureQuery>;

const tags = ['images'];
const notFound = { 404: api.apiError, 422: api.apiError };
const nearestParams = idParams.extend({ n: z.coerce.number().int().min(0).max(1_000) });
const PICTURE = 'The picture, JPEG or PNG';

/** Sends a picture, or 304 when the browser has it. */
function sendPicture(request: FastifyRequest, reply: FastifyReply, { bytes, type, tag }: ServedPicture) {
  const etag = `"${tag}"`;
  reply.header('etag', etag).header('cache-control', 'private, max-age=0, must-revalidate');
  if (request.headers['if-none-match'] === etag) return reply.code(304).send();
  return reply.type(type).send(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));
}

export function addImages(app: FastifyInstance, studio: Studio): void {
  const { labels, contents, queue, pictures, preparation } = studio;

  app.get<{ Querystring: z.infer<typeof api.imageQuery> }>(
    '/images',
    {
      schema: route({
        summary: 'A page of the queue',
        tags,
        querystring: api.imageQuery,
        answers: { 200: api.imagePage, 422: api.apiError },
      }),
    },
    async (request) => {
      preparation.touch();
      return queue.page(request.query);
    },
  );

  app.get<{ Params: Id }>(
    '/images/:id',
    {
      schema: route({
        summary: 'Everything the canvas shows of an image',
        tags,
        params: idParams,
        answers: { 200: api.imageDetail, ...notFound },
      }),
    },
    async (request) => {
      const { id } = request.params;
      preparation.touch();
      const detail = await queue.detail(id);
      const image = await labels.image(id);
      preparation.warm(image);
      if (image.version === 0) contents.look(image.path);
      labels.look(id, request.user);
      return detail;
    },
  );

  app.get<{ Params: Id }>(
    '/images/:id/history',
    {
      schema: route({
        summary: 'Every event of an image, oldest first',
        tags,
        params: idParams,
        answers: { 200: api.history, ...notFound },
      }),
    },
    async (request) => labels.history(request.params.id),
  );

  app.get<{ Params: Id; Querystring: PictureQuery }>(
    '/images/:id/picture',
    {
      schema: route({
        summary: 'The upright picture, or a thumbnail of it',
        tags,
        params: idParams,
        querystring: api.pictureQuery,
        answers: { 200: PICTURE, ...notFound },
      }),
    },
    async (request, reply) => {
      preparation.touch();
      const image = await labels.image(request.params.id);
      return sendPicture(request, reply, await pictures.image(image, request.query));
    },
  );

  app.get<{ Params: Id }>(
    '/images/:id/residual',
    {
      schema: route({
        summary: 'How much each place differs from good pictures: grey PNG over the whole picture, 32 levels a unit',
        tags,
        params: idParams,
        answers: { 200: 'The map, PNG', ...notFound },
      }),
    },
    async (request, reply) => {
      const image = await labels.image(request.params.id);
      return sendPicture(request, reply, await pictures.heat(image));
    },
  );

  app.get<{ Params: z.infer<typeof nearestParams>; Querystring: PictureQuery }>(
    '/images/:id/nearest/:n',
    {
      schema: route({
        summary: 'The good picture that is n-th most alike, counted from 0',
        tags,
        params: nearestParams,
        querystring: api.pictureQuery,
        answers: { 200: PICTURE, ...notFound },
      }),
    },
    async (request, reply) => {
      const { id, n } = request.params;
      const image = await labels.image(id);
      return sendPicture(request, reply, await pictures.nearest(image, n, request.query));
    },
  );

  app.get<{ Params: Id }>(
    '/images/:id/proposal',
    {
      schema: route({
        summary: 'What the model sees unasked; asking for it makes the image ready for clicks',
        tags,
        params: idParams,
        answers: { 200: api.proposal, ...notFound },
      }),
    },
    async (request) => queue.proposal(request.params.id),
  );

  app.get<{ Params: Id }>(
    '/images/:id/candidates',
    {
      schema: route({
        summary: 'What might belong to the region in work too and is not in its mask, since no click asks for it',
        tags,
        params: idParams,
        answers: { 200: api.candidates, ...notFound },
      }),
    },
    async (request) => labels.candidates(request.params.id),
  );
}
