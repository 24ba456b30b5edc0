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
    { type: 'connect', id: 1, url: 'ws://here/ws', plain: false, rest: 0 },
    { type: 'say', text: '{"type":"play"}' },
    { type: 'connect', id: 2, url: 'ws://here/ws', plain: false, rest: 0 },
    { type: 'hangUp', code: 4002 },
    { type: 'end' },
  ]);
});

/** Plays for two seconds on a page that takes so long to write what it is told. @returns {number} how often it was told */
function timesTold(t, takes) {
  let now = 0;
  let free = true;
  const timers = [];
  t.mock.method(performance, 'now', () => now);
  t.mock.method(globalThis, 'setTimeout', (act, wait = 0) => timers.push({ act, at: now + wait }));
  globalThis.requestAnimationFrame = (turn) => {
    now += takes;
    turn();
  };
  const shown = [];
  new Painter({ costs: () => {}, picture: ({ iteration }) => shown.push(iteration) });
  worker.postMessage = ({ type }) => {
    free ||= type === 'more';
  };
  for (let iteration = 1; iteration <= 100; iteration++) {
    now = Math.max(now, 20 * iteration);
    const due = timers.filter(({ at }) => at <= now);
    for (const timer of due) timers.splice(timers.indexOf(timer), 1);
    for (const { act } of due) act();
    if (!free) continue;
    free = false;
    const data = { type: 'drawn', costs: [], picture: { iteration }, given: null };
    worker.dispatchEvent(Object.assign(new Event('message'), { data }));
  }
  t.mock.restoreAll();
  return shown.length;
}

test('a page that writes fast is told ten times a second, and a slow one less often, but never rarely', (t) => {
  assert.equal(timesTold(t, 5), 20);
  const slow = timesTold(t, 60);
  assert.ok(slow >= 6 && slow <= 9, `${slow} times`);
  const slowest = timesTold(t, 90);
  assert.ok(slowest >= 4 && slowest <= slow, `${slowest} times`);
});

test('what was written late makes the page free later, but free in any case', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  // On a page that is not seen the screen has no turns.
  globalThis.requestAnimationFrame = () => {};
  const painter = new Painter({ costs: () => {}, picture: () => {} });
  const said = [];
  worker.postMessage = ({ type }) => said.push(type);
  const tell = (atOnce) => {
    const data = { type: 'drawn', costs: [], picture: null, given: null, atOnce };
    worker.dispatchEvent(Object.assign(new Event('message'), { data }));
  };
  tell(false);
  t.mock.timers.tick(60);
  tell(true);
  t.mock.timers.tick(99);
  assert.deepEqual(said, []);
  t.mock.timers.tick(1);
  assert.deepEqual(said, ['more']);
  // What was drawn at once is shown when the screen has had its turn.
  globalThis.requestAnimationFrame = (turn) => turn();
  tell(true);
  t.mock.timers.tick(0);
  assert.deepEqual(said, ['more', 'shown']);
  painter.close();
});
