/** The built page's files; without them a sentence that says how to build them. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import statics from '@fastify/static';
import type { FastifyInstance } from 'fastify';
import { fail } from '../../errors.ts';
import { pageLine } from '../../page-errors.ts';
import type { PublicAddress } from '../../public-address.ts';

/** Where the build puts the page: beside src/ and dist/. */
export function pageFolder(): string {
  const way = import.meta.url.endsWith('.ts') ? '../../../page' : '../page';
  return fileURLToPath(new URL(way, import.meta.url));
}

const YEAR_SECONDS = 31_536_000;

/** @param root folder of the project. @param at where a proxy makes the server known. */
export async function addPage(
  app: FastifyInstance,
  root: string,
  { folder = pageFolder(), at }: { folder?: string | undefined; at?: PublicAddress | undefined } = {},
): Promise<void> {
  // The page's files are named relative to it: without the slash at the end they would be looked for one folder higher.
  if (at?.prefix)
    app.get(at.prefix, { schema: { hide: true } }, async (_request, reply) => reply.redirect(at.href, 308));
  const index = join(folder, 'index.html');
  if (!existsSync(index)) {
    const missing = pageLine(fail('ADC_PAGE_MISSING', { path: index }), root);
    app.get('/', { schema: { hide: true } }, async (_request, reply) =>
      reply.code(503).type('text/plain; charset=utf-8').send(`${missing}\n`),
    );
    return;
  }
  await app.register(statics, {
    root: folder,
    // File names in assets/ hold a hash of their content; index.html names the newest ones.
    setHeaders: (response, path) => {
      const hashed = path.includes(`${join(folder, 'assets')}`);
      response.setHeader('cache-control', hashed ? `public, max-age=${YEAR_SECONDS}, immutable` : 'no-cache');
    },
    cacheControl: false,
    dotfiles: 'deny',
    schemaHide: true,
  });
}
