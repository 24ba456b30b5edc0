import './document.js';
import assert from 'node:assert/strict';
import test from 'node:test';

// A browser as far as a connection knows it: what it hears, and the sockets that it opens.
const sockets = [];
class Socket extends EventTarget {
  static CONNECTING = 0;
  static OPEN = 1;
  readyState = 0;
  constructor() {
    super();
    sockets.push(this);
  }
  close() {}
}
Object.assign(globalThis, { WebSocket: Socket, location: { href: 'http://here/' } });
const browser = new EventTarget();
globalThis.addEventListener = browser.addEventListener.bind(browser);
globalThis.document = Object.assign(new EventTarget(), { hidden: false });
const { Connection } = await import('../../static/js/stream/connection.js');

test('nothing connects before it is opened, and a socket that was given up opens nothing', () => {
  const heard = [];
  const connection = new Connection({
    query: () => '',
    opened: () => heard.push('opened'),
    closed: () => heard.push('closed'),
    waiting: () => undefined,
  });
  const comeBack = () => {
    browser.dispatchEvent(new Event('online'));
    document.dispatchEvent(new Event('visibilitychange'));
  };
  comeBack();
  assert.equal(sockets.length, 0);
  connection.open();
  comeBack();
  assert.equal(sockets.length, 1);
  browser.dispatchEvent(new Event('offline'));
  sockets[0].dispatchEvent(new Event('open'));
  comeBack();
  sockets[1].dispatchEvent(new Event('open'));
  assert.deepEqual(heard, ['closed', 'opened']);
  connection.close();
});

test('whoever comes back asks whether a server is there that owes nothing, and leaves one that does not answer', (context) => {
  let now = 0;
  context.mock.method(performance, 'now', () => now);
  context.mock.timers.enable({ apis: ['setInterval', 'setTimeout'] });
  const after = (/** @type {number} */ seconds) => {
    for (let passed = 0; passed < seconds; passed++) {
      now += 1000;
      context.mock.timers.tick(1000);
    }
  };
  let asked = 0;
  let closed = 0;
  let inARoom = true;
  const connection = new Connection({
    query: () => '',
    opened: () => undefined,
    closed: () => closed++,
    waiting: () => undefined,
    expecting: () => false,
    ask: () => inARoom && ++asked > 0,
  });
  connection.open();
  const socket = /** @type {any} */ (sockets.at(-1));
  socket.readyState = 1;
  socket.dispatchEvent(new Event('open'));
  const comeBack = () => {
    document.dispatchEvent(new Event('visibilitychange'));
    browser.dispatchEvent(new Event('pageshow'));
  };
  comeBack();
  assert.equal(asked, 1);
  after(4);
  socket.dispatchEvent(new Event('message'));
  after(29);
  assert.deepEqual([asked, closed], [1, 0]);
  // Nothing came for long: it is asked once, and answers.
  after(4);
  assert.deepEqual([asked, closed], [2, 0]);
  socket.dispatchEvent(new Event('message'));
  // Where nothing comes unasked, silence is no news.
  inARoom = false;
  comeBack();
  after(60);
  assert.equal(closed, 0);
  inARoom = true;
  comeBack();
  after(7);
  assert.deepEqual([asked, closed], [3, 1]);
  connection.close();
});

test('the second way is taken where two sockets do not open though the server answers, and never when it has no place', async (context) => {
  context.mock.timers.enable({ apis: ['setInterval', 'setTimeout'] });
  const settled = () => new Promise((resolve) => setImmediate(resolve));
  /** Which way each of five tries takes. @param {number | null} status @param {(socket: any) => void} end */
  const ways = async (status, end) => {
    context.mock.method(globalThis, 'fetch', async () => {
      if (status === null) throw new TypeError('nobody is there');
      return new Response('{}', { status, headers: { 'Retry-After': '1' } });
    });
    /** @type {boolean[]} */
    const tried = [];
    const connection = new Connection(
      {
        query: () => '',
        opened: () => undefined,
        closed: () => undefined,
        waiting: () => undefined,
        expecting: () => false,
      },
      (_, plain) => {
        tried.push(plain);
        return new Socket();
      },
    );
    connection.open();
    for (let count = 1; count < 5; count++) {
      end(sockets.at(-1));
      await settled();
      connection.tryNow();
    }
    connection.close();
    return tried;
  };
  const ended = (/** @type {number} */ code) => Object.assign(new Event('close'), { code });
  const unopened = (/** @type {any} */ socket) => socket.dispatchEvent(ended(1006));
  const opened = (/** @type {number} */ code) => (/** @type {any} */ socket) => {
    socket.dispatchEvent(new Event('open'));
    socket.dispatchEvent(ended(code));
  };
  assert.deepEqual(await ways(200, unopened), [false, false, true, true, true]);
  const never = [false, false, false, false, false];
  for (const status of [401, 403, 421, 429, 502, 503, 504, null]) assert.deepEqual(await ways(status, unopened), never);
  for (const code of [1001, 1012, 1013]) assert.deepEqual(await ways(200, opened(code)), never);
});
