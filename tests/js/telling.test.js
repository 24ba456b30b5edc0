import assert from 'node:assert/strict';
import test from 'node:test';
import { Milestones, PAUSE } from '../../static/js/store/milestones.js';
import { Telling } from '../../static/js/store/telling.js';
import { Questions } from '../../static/js/stream/questions.js';
import { signal } from '../../static/vendor/signals-core/signals-core.js';

const QUIET = { accuracy: 0.5, bounded: false, over: false };

test('what holds as a run begins is no news, and each milestone is one once', () => {
  const milestones = new Milestones();
  milestones.look({ ...QUIET, iteration: 0, bounded: true });
  assert.equal(milestones.wait(0), null);
  milestones.look({ ...QUIET, iteration: 5, bounded: false });
  milestones.look({ ...QUIET, iteration: 10, bounded: true });
  assert.equal(milestones.wait(0), null);
  milestones.look({ ...QUIET, iteration: 15, accuracy: 0.9 });
  assert.equal(milestones.wait(0), 0);
  milestones.told(1000);
  milestones.look({ ...QUIET, iteration: 20, accuracy: 0.8 });
  milestones.look({ ...QUIET, iteration: 25, accuracy: 0.95 });
  assert.equal(milestones.wait(1000), null);
  milestones.look({ ...QUIET, iteration: 30, over: true });
  assert.equal(milestones.wait(4000), PAUSE - 3000);
  // A clock that is set back makes nobody wait longer.
  assert.equal(milestones.wait(-1e9), PAUSE);
  // From an earlier iteration on, and in another run, all of it can be news again.
  milestones.look({ ...QUIET, iteration: 0 });
  assert.equal(milestones.wait(1e9), null);
  milestones.look({ ...QUIET, iteration: 5, accuracy: 1 });
  assert.equal(milestones.wait(1e9), 0);
  milestones.begin();
  assert.equal(milestones.wait(1e9), null);
});

/** A page that hears, and a server that answers when it is told to. */
function scene(t) {
  t.mock.timers.enable({ apis: ['setTimeout', 'Date'] });
  const asked = [];
  let live = true;
  const questions = new Questions((question) => {
    if (live) asked.push(question);
    return live;
  });
  const heard = [];
  const announcer = { say: (text) => heard.push(text) };
  const playing = signal(false);
  const current = { picture: signal(null), halted: signal(null) };
  const telling = new Telling(questions, announcer);
  t.after(telling.watch(current, playing));
  return {
    telling,
    heard,
    asked,
    playing,
    current,
    disconnect: () => {
      live = false;
    },
    answer: (iteration, text = 'It is round.') =>
      questions.answered({ type: 'described', iteration, cost: 0.25, text, run: 0, examples: [] }),
    show: (iteration, train_accuracy, lines = 1) => {
      const boundary = { shares: new Uint8Array(lines) };
      current.picture.value = { iteration, run: { train_accuracy, boundary } };
    },
    wait: (milliseconds) => t.mock.timers.tick(milliseconds),
  };
}

const before = (answer) => `Paused at ${answer?.iteration ?? 3}.`;

test('the sentence is said with what comes before it, once, also to whoever asks again', (t) => {
  const { telling, heard, asked, answer, wait } = scene(t);
  telling.tell(before);
  assert.deepEqual(asked, [{ type: 'describe' }]);
  assert.deepEqual(heard, []);
  answer(5);
  assert.deepEqual(heard, ['Paused at 5. It is round.']);
  assert.equal(telling.described.value.iteration, 5);
  wait(60_000);
  assert.equal(heard.length, 1);
  telling.tell(before);
  answer(5);
  assert.deepEqual(heard, ['Paused at 5. It is round.', 'Paused at 5. It is round.']);
});

test('without an answer the rest is said; what is out of date is not', (t) => {
  const { telling, heard, answer, wait, disconnect } = scene(t);
  telling.tell(before);
  wait(999);
  assert.deepEqual(heard, []);
  wait(1);
  assert.deepEqual(heard, ['Paused at 3.']);
  // It comes after all: it is shown, and not said.
  answer(3);
  assert.equal(telling.described.value.iteration, 3);
  assert.equal(heard.length, 1);
  telling.tell(before);
  telling.hush();
  answer(4);
  wait(5000);
  assert.equal(heard.length, 1);
  // Of a run that is no more nothing is told.
  telling.tell(before);
  telling.begin();
  answer(9);
  wait(5000);
  assert.equal(telling.described.value, null);
  assert.equal(heard.length, 1);
  disconnect();
  telling.tell(before);
  assert.equal(heard.length, 2);
});

test('an answer to an older question is shown, and not said of a pause after it', (t) => {
  const { telling, heard, answer } = scene(t);
  telling.tell(() => 'Iteration 100.');
  let paused = false;
  telling.tell(before, () => paused);
  answer(100);
  assert.equal(telling.described.value.iteration, 100);
  assert.deepEqual(heard, []);
  paused = true;
  answer(146);
  assert.deepEqual(heard, ['Paused at 146. It is round.']);
});

test('steps are told as they rest, with what they changed', (t) => {
  const { telling, heard, wait } = scene(t);
  telling.seen(7, 0.5);
  wait(5000);
  assert.deepEqual(heard, []);
  for (let iteration = 8; iteration < 20; iteration++) {
    telling.stepped();
    telling.seen(iteration, 1 / iteration);
    wait(100);
  }
  assert.deepEqual(heard, []);
  wait(400);
  assert.deepEqual(heard, ['Iteration 19, cost 0.0526']);
  telling.seen(20, 0.1);
  wait(5000);
  assert.equal(heard.length, 1);
});

test('milestones are told while it trains, and as it ends, never two in ten seconds', (t) => {
  const { telling, heard, asked, answer, show, wait, playing, current } = scene(t);
  show(0, 0.5, 0);
  playing.value = true;
  show(5, 0.5, 0);
  wait(100);
  assert.equal(asked.length, 0);
  show(10, 0.5);
  wait(0);
  assert.equal(asked.length, 1);
  answer(11);
  assert.deepEqual(heard, ['Iteration 11. It is round.']);
  for (let iteration = 15; iteration < 500; iteration += 5) {
    show(iteration, 0.95);
    wait(100);
  }
  assert.ok(Date.now() < PAUSE);
  assert.equal(asked.length, 1);
  wait(PAUSE);
  assert.equal(asked.length, 2);
  answer(500, 'It is rounder.');
  assert.equal(heard.at(-1), 'Iteration 500. It is rounder.');
  // Who has just heard of it at a pause does not hear it again.
  playing.value = false;
  telling.tell(before);
  answer(505);
  wait(60_000);
  assert.equal(heard.length, 3);
  current.halted.value = 'ended';
  wait(60_000);
  assert.equal(asked.length, 4);
});
