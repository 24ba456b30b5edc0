import './document.js';
import assert from 'node:assert/strict';
import test from 'node:test';

// A browser as far as a connection knows it: what it hears, and the sockets that it opens.
const sockets = [];
class Socket extends EventTarget {
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
