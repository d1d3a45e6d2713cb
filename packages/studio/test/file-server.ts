/** A server of files that behaves well or badly, for tests. */
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';

export interface Asked {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
}

/** Answers one request. */
export type Behaviour = (request: IncomingMessage, response: ServerResponse) => void;

export interface Served {
  readonly bytes: Buffer;
  /** What names these bytes; default none. */
  readonly etag?: string;
  /** Whether parts can be had; default true. */
  readonly ranges?: boolean;
  /** Bytes of this answer after which the connection is cut. */
  readonly cutAfter?: number;
  /** Whether the client has so many bytes of the file, so that none is lost with the connection; default 20 ms later. */
  readonly arrived?: (bytes: number) => boolean;
  /** Bytes of this answer after which nothing comes any more. */
  readonly stallAfter?: number;
  /** Whether the answer says how long it is; default true. */
  readonly sized?: boolean;
}

/** Serves a file, or the part that is asked for, as servers do: a part of another file than `If-Range` names is never sent. */
export const file =
  ({ bytes, etag, ranges = true, cutAfter, arrived, stallAfter, sized = true }: Served): Behaviour =>
  (request, response) => {
    const [, first] = /^bytes=(\d+)-$/.exec(request.headers.range ?? '') ?? [];
    const condition = request.headers['if-range'];
    const from = ranges && first !== undefined && (condition === undefined || condition === etag) ? Number(first) : 0;
    if (etag) response.setHeader('etag', etag);
    if (from > 0 && from >= bytes.length) {
      response.writeHead(416, { 'content-range': `bytes */${bytes.length}` }).end();
      return;
    }
    const rest = bytes.subarray(from);
    if (from > 0) response.setHeader('content-range', `bytes ${from}-${bytes.length - 1}/${bytes.length}`);
    if (sized) response.setHeader('content-length', rest.length);
    response.writeHead(from > 0 ? 206 : 200, { 'content-type': 'application/octet-stream' });
    const end = cutAfter ?? stallAfter;
    if (end === undefined) {
      response.end(rest);
      return;
    }
    response.write(rest.subarray(0, end));
    if (cutAfter === undefined) return;
    const wait = setInterval(() => {
      if (arrived && !arrived(from + end)) return;
      clearInterval(wait);
      response.destroy();
    }, 20);
    response.on('close', () => clearInterval(wait));
  };

/** An answer without a file. */
export const status =
  (code: number, headers: Readonly<Record<string, string>> = {}, body = 'no'): Behaviour =>
  (_, response) => {
    response.writeHead(code, headers).end(body);
  };

/** Starts a server that answers the requests in turn, the last behaviour for all further ones; closed after the test. */
export async function fileServer(...behaviours: readonly Behaviour[]): Promise<{ origin: string; asked: Asked[] }> {
  const asked: Asked[] = [];
  const server = createServer((request, response) => {
    const { url: path = '', headers } = request;
    asked.push({ path, headers });
    behaviours[Math.min(asked.length, behaviours.length) - 1]?.(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked };
}
