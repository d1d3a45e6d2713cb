/** A server that speaks OpenAI's protocol for chat, well or badly, for tests. */
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';

export interface Asked {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: { readonly model: string; readonly messages: readonly { readonly content: string }[] };
  /** Milliseconds since the server began. */
  readonly at: number;
}

/** Answers one request. */
export type Behaviour = (response: ServerResponse) => void;

/** A chat completion with this text. */
export const says =
  (text: string): Behaviour =>
  (response) => {
    response.setHeader('content-type', 'application/json');
    response.end(
      JSON.stringify({
        id: 'chatcmpl-1',
        object: 'chat.completion',
        created: 1,
        model: 'tiny',
        choices: [{ index: 0, finish_reason: 'stop', message: { role: 'assistant', content: text } }],
      }),
    );
  };

/** A body as it stands, whatever it is. */
export const sends =
  (status: number, body: string, headers: Readonly<Record<string, string>> = {}): Behaviour =>
  (response) => {
    response.writeHead(status, { 'content-type': 'application/json', ...headers });
    response.end(body);
  };

/** Phrases that are what is asked for. */
export const phrases = (count: number, object = 'part', word = 'dent'): string[] =>
  Array.from({ length: count }, (_, i) => `${word} number ${i} on the ${object}`);

/** Those phrases as an answer. */
export const lists = (list: readonly unknown[], object = 'part', defect = 'dent'): Behaviour =>
  says(JSON.stringify({ [object]: { [defect]: list } }));

/** Starts a server that answers the requests in turn, the last behaviour for all further ones; closed after the test. */
export async function languageServer(
  ...behaviours: readonly Behaviour[]
): Promise<{ baseURL: string; asked: Asked[] }> {
  const asked: Asked[] = [];
  const started = performance.now();
  const server = createServer(async (request, response) => {
    let text = '';
    for await (const part of request.setEncoding('utf8')) text += part;
    const { url: path = '', headers } = request;
    asked.push({ path, headers, body: JSON.parse(text), at: performance.now() - started });
    behaviours[Math.min(asked.length, behaviours.length) - 1]?.(response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { baseURL: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`, asked };
}
