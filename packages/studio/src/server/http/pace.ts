/** Cuts requests whose bodies come so slowly that nobody honest sends them. */
import type { IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import type { FastifyInstance } from 'fastify';
import { fail } from '../../errors.ts';
import { errorBody } from './failures.ts';

/** Bytes a second that a body must have: a picture of 64 MB takes four hours then, on a line of a mobile phone of 1999. */
const LEAST = 4096;

/** How long slow clients are waited for, in milliseconds. */
export interface Patience {
  /** Until the head of a request must be there, counted from the connection's beginning or the last request. */
  readonly head: number;
  /** Over which the bytes of a body are counted. */
  readonly window: number;
}

export const PATIENCE: Patience = { head: 20_000, window: 15_000 };

const hasBody = ({ headers }: IncomingMessage) =>
  headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;

/** Watches the bodies of all requests, refused ones too. @param root folder of the project. */
export function addPace(app: FastifyInstance, root: string, { window }: Patience): void {
  app.addHook('onRequest', (request, reply, done) => {
    const { raw } = request;
    const { socket } = raw;
    // Requests that a program of this process makes have no connection.
    if (hasBody(raw) && socket instanceof Socket) {
      let [bytes, time] = [socket.bytesRead, Date.now()];
      const timer = setInterval(() => {
        const seconds = (Date.now() - time) / 1000;
        const came = socket.bytesRead - bytes;
        [bytes, time] = [socket.bytesRead, Date.now()];
        if (raw.complete || socket.destroyed) return clearInterval(timer);
        // A process that was busy itself has read nothing meanwhile.
        const wasBusy = seconds > (1.5 * window) / 1000;
        if (wasBusy || (came >= LEAST * seconds && !reply.raw.writableFinished)) return;
        clearInterval(timer);
        if (reply.sent) return void socket.destroy();
        reply.hijack();
        const body = JSON.stringify(errorBody(fail('ADC_SLOW', { least: LEAST }), root));
        reply.raw.writeHead(408, { 'content-type': 'application/json; charset=utf-8', connection: 'close' });
        reply.raw.end(body, () => socket.destroy());
      }, window);
      timer.unref();
    }
    done();
  });
}
