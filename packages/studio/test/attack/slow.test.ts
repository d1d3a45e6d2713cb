/** Connections that send next to nothing are cut; slow but honest ones are not. */
import { connect, type Socket } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { serveApp } from './served.ts';

const PATIENCE = { head: 2_000, window: 1_000 };

/** What came over a connection until it ended, and how long that took. */
function opened(port: number, first: string) {
  const socket: Socket = connect(port, '127.0.0.1');
  onTestFinished(() => void socket.destroy());
  let text = '';
  socket.setEncoding('latin1').on('data', (data: string) => (text += data));
  socket.write(first);
  const began = performance.now();
  const ended = new Promise<{ text: string; seconds: number }>((resolve) => {
    socket.on('error', () => undefined);
    socket.on('close', () => resolve({ text, seconds: (performance.now() - began) / 1000 }));
  });
  return { socket, ended };
}

/** Sends a little again and again. */
function drip(socket: Socket, piece: string, ms: number, times = Number.POSITIVE_INFINITY): void {
  let sent = 0;
  const timer = setInterval(() => {
    if (socket.writable && sent++ < times) socket.write(piece);
    else clearInterval(timer);
  }, ms);
  onTestFinished(() => clearInterval(timer));
}

const head = (path: string, more: string) => `POST /api/v1${path} HTTP/1.1\r\nhost: localhost\r\n${more}\r\n`;

test('a head that never ends', async () => {
  const { port } = await serveApp({ patience: PATIENCE });
  const { socket, ended } = opened(port, 'GET /api/v1/health HTTP/1.1\r\nhost: localhost\r\n');
  drip(socket, 'x-a: b\r\n', 500);
  const silent = opened(port, '');
  for (const { text, seconds } of [await ended, await silent.ended]) {
    // What was on its way when the connection was cut may take the answer with it.
    expect(text).toMatch(/^($|HTTP\/1\.1 408)/);
    expect(seconds).toBeGreaterThan(1.5);
    expect(seconds).toBeLessThan(5);
  }
});

test.each([
  ['of a known length', 'content-type: application/octet-stream\r\ncontent-length: 60000000\r\n', 'x'],
  ['in chunks', 'content-type: application/octet-stream\r\ntransfer-encoding: chunked\r\n', '1\r\nx\r\n'],
])('a body that drips, %s', async (_, more, piece) => {
  const { port, addUser } = await serveApp({ patience: PATIENCE });
  const token = await addUser('ada');
  const { socket, ended } = opened(port, head('/detect', `authorization: Bearer ${token}\r\n${more}`));
  drip(socket, piece, 100);
  const { text, seconds } = await ended;
  expect(text).toMatch(/^HTTP\/1\.1 408/);
  expect(text).toContain('ADC_SLOW');
  expect(seconds).toBeLessThan(5);
});

test('a body of somebody who is not let in, however fast it comes', async () => {
  const { port } = await serveApp({ patience: PATIENCE });
  const { socket, ended } = opened(port, head('/detect', 'transfer-encoding: chunked\r\n'));
  drip(socket, `2000\r\n${'x'.repeat(0x2000)}\r\n`, 100);
  const { text, seconds } = await ended;
  expect(text).toMatch(/^HTTP\/1\.1 401/);
  expect(seconds).toBeLessThan(5);
});

test('an upload over a slow line arrives', async () => {
  const { port, addUser } = await serveApp({ patience: PATIENCE });
  const token = await addUser('ada');
  const [pieces, bytes] = [40, 1200];
  const more = `authorization: Bearer ${token}\r\ncontent-type: image/png\r\nconnection: close\r\ncontent-length: ${pieces * bytes}\r\n`;
  const { socket, ended } = opened(port, head('/detect?category=part', more));
  drip(socket, 'x'.repeat(bytes), 100, pieces);
  const { text, seconds } = await ended;
  // It is no picture, and is told so when all of it is there.
  expect(text).toMatch(/^HTTP\/1\.1 (404|422)/);
  expect(seconds).toBeGreaterThan(3.5);
});
