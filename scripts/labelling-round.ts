/**
 * `labelling-round.ts PROJECT NODE CLI`: clicks on a picture over HTTP, kills the server with -9, starts it again, and looks whether every click
 * that was acknowledged is there and the mask is the same; then labels on and asks it to end.
 */
import assert from 'node:assert/strict';
import type { ImageDetail, ImagePage } from '../packages/studio/src/api.ts';
import { Client, type ServerProcess, startServer } from '../packages/studio/test/serving.ts';

const [project, node, cli] = process.argv.slice(2) as [string, string, string];
let server: ServerProcess | undefined;
process.on('exit', () => server?.child.kill('SIGKILL'));

async function start(): Promise<Client> {
  server = await startServer(project, [], { command: [node, cli] });
  return new Client(server.address);
}

/** Clicks once. @returns the version that was acknowledged, and the mask. */
async function click(client: Client, image: number, base: number, x: number, y: number) {
  const { status, body } = await client.act(image, base, { kind: 'click', type: 1, click: { x, y, positive: true } });
  assert.equal(status, 200, JSON.stringify(body));
  return { version: body.version, layers: body.layers };
}

let client = await start();
const { images } = (await client.get<ImagePage>('/images')).body;
const { id, width, height } = images[0];
const before = (await client.get<ImageDetail>(`/images/${id}`)).body.version;
let said = { version: before, layers: [] as ImageDetail['layers'] };
for (const part of [0.3, 0.5, 0.7])
  said = await click(client, id, said.version, Math.floor(part * width), Math.floor(part * height));
server!.child.kill('SIGKILL');
await server!.ended;

client = await start();
const after = (await client.get<ImageDetail>(`/images/${id}`)).body;
assert.equal(after.version, said.version);
assert.deepEqual(after.layers, said.layers);
const { events } = (await client.get<{ events: { version: number }[] }>(`/images/${id}/history`)).body;
assert.deepEqual(
  events.map(({ version }) => version),
  Array.from({ length: said.version }, (_, n) => n + 1),
);
assert.ok(said.version >= before + 3);
const next = await click(client, id, said.version, Math.floor(width / 4), Math.floor(height / 2));
assert.equal(next.version, said.version + 1);

server!.child.kill('SIGTERM');
assert.equal(await server!.ended, 0);
assert.equal(server!.stderr(), '');
