import assert from 'node:assert/strict';
import test from 'node:test';
import { atReadingPace } from '../../static/js/signals.js';
import { signal } from '../../static/vendor/signals-core/signals-core.js';

/**
 * Plays frames of 20 ms on a page that takes so long to write one (milliseconds).
 *
 * @returns {{read: (number | null)[], picture: {value: number | null}, playing: {value: boolean}}} what was read
 */
function play(t, takes) {
  let now = 0;
  t.mock.method(performance, 'now', () => now);
  globalThis.requestAnimationFrame = (turn) => turn();
  t.mock.method(globalThis, 'setTimeout', (act) => {
    now += takes;
    act();
  });
  const picture = signal(null);
  const playing = signal(true);
  const read = [];
  const stop = atReadingPace(picture, playing, 100, (latest) => read.push(latest));
  t.after(stop);
  for (let frame = 1; frame <= 100; frame++) {
    now = Math.max(now, 20 * frame);
    picture.value = 20 * frame;
  }
  return { read, picture, playing };
}

/** How often it was read in two seconds of playing, whatever it had begun with. */
const times = ({ read }) => read.filter((frame) => frame).length;

test('a page that writes fast is read ten times a second, and a slow one less often, but never rarely', (t) => {
  assert.equal(times(play(t, 5)), 20);
  t.mock.restoreAll();
  const slow = times(play(t, 60));
  assert.ok(slow >= 6 && slow <= 9, `${slow} times`);
  t.mock.restoreAll();
  const slowest = times(play(t, 90));
  assert.ok(slowest >= 5 && slowest <= slow, `${slowest} times`);
});

test('what stands still is read at once, however slow the page is', (t) => {
  const { read, picture, playing } = play(t, 90);
  picture.value = 2001;
  playing.value = false;
  assert.equal(read.at(-1), 2001);
  picture.value = 2002;
  assert.equal(read.at(-1), 2002);
  // And the first of another run, too.
  playing.value = true;
  picture.value = null;
  picture.value = 1;
  assert.equal(read.at(-1), 1);
});
