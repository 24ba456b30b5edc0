import assert from 'node:assert/strict';
import test from 'node:test';

globalThis.matchMedia = () => ({ matches: false, addEventListener: () => {} });
const posted = [];
let worker;
/** One whose file does not come. */
globalThis.Worker = class extends EventTarget {
  constructor() {
    super();
    worker = this;
  }
  postMessage(message) {
    posted.push(message);
    if (message.type === 'snapshot') this.dispatchEvent(new Event('error'));
  }
};
globalThis.WebSocket = { CONNECTING: 0, OPEN: 1, CLOSING: 2, CLOSED: 3 };
globalThis.ErrorEvent ??= class extends Event {};
globalThis.CloseEvent ??= class extends Event {
  constructor(type, { code }) {
    super(type);
    this.code = code;
  }
};
const { Painter } = await import('../../static/js/painting/painter.js');

test('a snapshot that nobody draws does not keep anyone waiting', async () => {
  let missing = 0;
  const painter = new Painter({ missing: () => missing++ });
  for (let time = 0; time < 2; time++) await assert.rejects(painter.snapshot({}, {}), /does not answer/);
  assert.equal(missing, 1);
});

test('the socket of the painter is one as a connection knows it', () => {
  const heard = [];
  const painter = new Painter({ message: ({ type }) => heard.push(type) });
  const tell = (data) => worker.dispatchEvent(Object.assign(new Event('message'), { data }));
  const connect = (name) => {
    const socket = painter.connect(new URL('ws://here/ws'));
    for (const type of ['open', 'message', 'close'])
      socket.addEventListener(type, ({ code }) => heard.push(`${name} ${type}${code ? ` ${code}` : ''}`));
    return socket;
  };
  posted.length = 0;
  const first = connect('first');
  assert.equal(first.readyState, WebSocket.CONNECTING);
  tell({ type: 'opened', id: 1 });
  assert.equal(first.readyState, WebSocket.OPEN);
  first.send('{"type":"play"}');
  tell({ type: 'message', message: { type: 'state' } });
  tell({ type: 'closed', id: 1, code: 1001 });
  assert.equal(first.readyState, WebSocket.CLOSED);

  const second = connect('second');
  first.close();
  first.send('of a socket that is no more');
  tell({ type: 'closed', id: 1, code: 1006 });
  second.close(4002);
  second.close(4002);
  tell({ type: 'opened', id: 2 });
  assert.equal(second.readyState, WebSocket.CLOSING);
  // Said before the other side heard that it was given up.
  tell({ type: 'message', message: { type: 'error' } });
  painter.close();
  tell({ type: 'message', message: { type: 'state' } });
  assert.deepEqual(heard, ['first open', 'first message', 'state', 'first close 1001', 'second message']);
  assert.deepEqual(posted, [
    { type: 'connect', id: 1, url: 'ws://here/ws', plain: false },
    { type: 'say', text: '{"type":"play"}' },
    { type: 'connect', id: 2, url: 'ws://here/ws', plain: false },
    { type: 'hangUp', code: 4002 },
    { type: 'end' },
  ]);
});
