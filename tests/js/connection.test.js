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
