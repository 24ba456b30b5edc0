import assert from 'node:assert/strict';
import test from 'node:test';
import { ResendQueue } from '../../static/js/stream/resend-queue.js';

/** A clock to wind on: timers are due in the order of their times. */
function clock(t) {
  let now = 0;
  let timers = [];
  const { setTimeout, clearTimeout } = globalThis;
  t.after(() => Object.assign(globalThis, { setTimeout, clearTimeout }));
  globalThis.setTimeout = (call, delay) => {
    const timer = { call, at: now + delay };
    timers.push(timer);
    return timer;
  };
  globalThis.clearTimeout = (timer) => {
    timers = timers.filter((other) => other !== timer);
  };
  return (milliseconds) => {
    now += milliseconds;
    const due = timers.filter(({ at }) => at <= now).sort((a, b) => a.at - b.at);
    timers = timers.filter(({ at }) => at > now);
    for (const { call } of due) call();
  };
}

function queueing() {
  const [said, dropped] = [[], []];
  return {
    said,
    dropped,
    queue: new ResendQueue(
      (message) => said.push(message),
      (message) => dropped.push(message),
    ),
  };
}

const edit = { type: 'edit', layer: 1, unit: 0, input: 1 };

test('of what was refused there is left what nothing newer replaces', (t) => {
  const wind = clock(t);
  const { said, dropped, queue } = queueing();
  const messages = [
    { type: 'configure', data: 1 },
    { type: 'configure', data: 2 },
    { ...edit, value: 1, frozen: true },
    { ...edit, unit: 1, value: 3 },
    { type: 'play' },
    { type: 'set', l1: 1, l2: 1 },
    { ...edit, value: 2 },
    { type: 'set', l2: 2 },
    { type: 'pause' },
  ];
  for (const message of messages) queue.send(message);
  assert.deepEqual(said.splice(0), messages);
  // 2 and 9 were in time.
  for (const number of [1, 3, 4, 5, 6, 7, 8]) queue.refused(number, 1);
  queue.send({ type: 'step', iterations: 3 });
  wind(999);
  assert.deepEqual(said, []);
  wind(1);
  assert.deepEqual(said, [
    { ...edit, frozen: true },
    { ...edit, unit: 1, value: 3 },
    { type: 'set', l1: 1 },
    { ...edit, value: 2 },
    { type: 'set', l2: 2 },
    { type: 'step', iterations: 3 },
  ]);
  assert.ok(dropped.some((message) => message === messages[0]));
  assert.ok(!dropped.some((message) => message === messages[1]));
});

test('what came after a restart and may have been taken before it is said once more', (t) => {
  const wind = clock(t);
  const { said, queue } = queueing();
  for (const type of ['view', 'pause', 'configure', 'play', 'view', 'set']) queue.send({ type });
  assert.equal(said.splice(0).length, 6);
  queue.refused(3, 1);
  wind(1000);
  assert.deepEqual(
    said.map(({ type }) => type),
    ['configure', 'play', 'set'],
  );
});

test('what waits is bounded: the oldest gives way, and is reported', (t) => {
  const wind = clock(t);
  const { said, dropped, queue } = queueing();
  queue.send({ type: 'play' });
  queue.refused(1, 1);
  for (let unit = 0; unit < 100; unit++) queue.send({ ...edit, unit });
  wind(1000);
  assert.equal(said.length, 1 + 64);
  assert.deepEqual(said.at(-1), { ...edit, unit: 99 });
  assert.equal(dropped.length, 101 - 64);
});

test('another connection begins with nothing held', (t) => {
  const wind = clock(t);
  const { said, queue } = queueing();
  queue.send({ type: 'play' });
  queue.refused(1, 1);
  queue.reset();
  wind(5000);
  queue.send({ type: 'pause' });
  assert.deepEqual(said, [{ type: 'play' }, { type: 'pause' }]);
  // A refusal of a message that nobody said is none.
  queue.refused(7, 1);
  wind(5000);
  assert.equal(said.length, 2);
});
