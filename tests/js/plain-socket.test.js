import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import test from 'node:test';

globalThis.CloseEvent ??= /** @type {any} */ (
  class extends Event {
    constructor(/** @type {string} */ type, /** @type {{code: number}} */ { code }) {
      super(type);
      this.code = code;
    }
  }
);
const { eventsIn, PlainSocket } = await import('../../static/js/plain-socket.js');

test('events are read however they are cut', () => {
  const text = ': here\n\nevent: open\ndata: {"token":"t"}\n\ndata: {"a":1}\r\n\r\nevent: frame\ndata: AQI=\n\n';
  for (const size of [1, 3, 7, 200]) {
    /** @type {[string, string][]} */
    const told = [];
    const take = eventsIn((event, data) => told.push([event, data]));
    for (let at = 0; at < text.length; at += size) take(text.slice(at, at + size));
    assert.deepEqual(told, [
      ['open', '{"token":"t"}'],
      ['message', '{"a":1}'],
      ['frame', 'AQI='],
    ]);
  }
});

test('messages go up numbered and in order, again after a 429, and come down as over a WebSocket', async () => {
  /** @type {{number: string, body: string, token: unknown, path: string | undefined}[]} */
  const up = [];
  let refused = false;
  /** @type {import('node:http').ServerResponse | null} */
  let down = null;
  const server = createServer((request, response) => {
    if (request.url !== '/shallows/ws/up') {
      assert.equal(request.url, '/shallows/rooms/abc/stream?x=1');
      response.writeHead(200, { 'Content-Type': 'text/event-stream' });
      response.write('event: open\ndata: {"token":"secret"}\n\n');
      down = response;
      return;
    }
    let body = '';
    request.on('data', (piece) => {
      body += piece;
    });
    request.on('end', () => {
      if (!refused) {
        refused = true;
        response.writeHead(429, { 'Retry-After': '0' }).end();
        return;
      }
      up.push({
        number: String(request.headers['shallows-number']),
        body,
        token: request.headers['shallows-stream'],
        path: request.url,
      });
      response.writeHead(204).end();
      if (body.includes('"b"')) {
        down?.write('data: {"type":"room"}\n\nevent: frame\ndata: AQID\n\n');
        down?.end('event: close\ndata: {"code":4001}\n\n');
      }
    });
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(null)));
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
  const socket = new PlainSocket(`ws://127.0.0.1:${port}/shallows/rooms/abc/stream?x=1`);
  /** @type {unknown[]} */
  const heard = [];
  socket.addEventListener('open', () => {
    socket.send('{"type":"a"}');
    socket.send('{"type":"b"}');
  });
  socket.onmessage = ({ data }) => heard.push(typeof data === 'string' ? data : [...new Uint8Array(data)]);
  const code = await new Promise((resolve) => {
    socket.onclose = (/** @type {any} */ event) => resolve(event.code);
  });
  server.close();
  assert.deepEqual(heard, ['{"type":"room"}', [1, 2, 3]]);
  assert.equal(code, 4001);
  assert.equal(up.map(({ body }) => body).join('\n'), '{"type":"a"}\n{"type":"b"}');
  assert.deepEqual(
    up.map(({ number, token }) => [number, token]),
    up.map((_, index) => [String(index + 1), 'secret']),
  );
});

test('the next request does not wait for the answer to the last', async () => {
  /** @type {string[]} */
  const up = [];
  /** @type {import('node:http').ServerResponse | null} */
  let first = null;
  const server = createServer((request, response) => {
    if (request.url !== '/ws/up') {
      response.writeHead(200, { 'Content-Type': 'text/event-stream' });
      response.write('event: open\ndata: {"token":"secret"}\n\n');
      return;
    }
    up.push(String(request.headers['shallows-number']));
    request.resume();
    // The first is answered once the second is there.
    if (!first) first = response;
    else for (const each of [first, response]) if (!each.headersSent) each.writeHead(204).end();
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(null)));
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
  const socket = new PlainSocket(`ws://127.0.0.1:${port}/ws`);
  await new Promise((resolve) => {
    socket.onopen = resolve;
  });
  const began = performance.now();
  for (const type of ['a', 'b', 'c']) {
    const due = up.length + 1;
    socket.send(JSON.stringify({ type }));
    while (up.length < due) await new Promise((resolve) => setTimeout(resolve, 5));
  }
  // At most four a second.
  assert.ok(performance.now() - began > 2 * 240);
  assert.deepEqual(up, ['1', '2', '3']);
  socket.close();
  server.closeAllConnections();
  server.close();
});
