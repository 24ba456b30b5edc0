import './document.js';
import assert from 'node:assert/strict';
import test from 'node:test';
import { iterationsOf, nameOf } from '../../static/js/labs/animation/animation.js';
import { withDuration, withDurationIn } from '../../static/js/labs/animation/webm.js';

test('a film has both its ends, and no iteration twice', () => {
  assert.deepEqual(iterationsOf(0, 3, 10), [0, 1, 2, 3]);
  assert.deepEqual(iterationsOf(7, 8, 60), [7, 8]);
  for (const [from, to, seconds] of [
    [0, 1260, 2],
    [17, 999_999, 60],
    [0, 41, 1.5],
  ]) {
    const iterations = iterationsOf(from, to, seconds);
    assert.equal(iterations[0], from);
    assert.equal(iterations.at(-1), to);
    assert.equal(new Set(iterations).size, iterations.length);
    assert.ok(iterations.length <= 20 * seconds && iterations.length <= 1200);
  }
});

test('a name speaks of the experiment, and any disk takes it', () => {
  const words = 'circle, tanh 2-4-1, α 0.3, inputs x₁, x₂, random × 0.01';
  assert.equal(nameOf(words, 0, 400), 'shallows-circle-tanh-2-4-1-rate-0.3-inputs-x1-x2-random-0.01-0-to-400.webm');
  for (const long of [nameOf(`a/b\\c:"${'x'.repeat(300)}`, 1, 2), nameOf('…', 0, 1)])
    assert.match(long, /^[\w.-]{1,120}$/);
});

// ---- a head as recorders write it

const bytes = (...parts) => Uint8Array.from(parts.flat());
/** An element: its id, and what is in it. */
const element = (id, ...inside) => {
  const body = inside.flat();
  return [...id, 0x40 + (body.length >> 8), body.length & 255, ...body];
};
const EBML = element([0x1a, 0x45, 0xdf, 0xa3], element([0x42, 0x82], [0x77, 0x65, 0x62, 0x6d]));
const STREAM = [0x18, 0x53, 0x80, 0x67, 0x01, 255, 255, 255, 255, 255, 255, 255];
const SCALE = element([0x2a, 0xd7, 0xb1], [0x0f, 0x42, 0x40]);
const APP = element([0x4d, 0x80], [0x61]);
const INFO = [0x15, 0x49, 0xa9, 0x66];
const INDEX = element([0x11, 0x4d, 0x9b, 0x74], [1, 2, 3]);
const REST = element([0x16, 0x54, 0xae, 0x6b], [9, 9, 9]);
const joined = (pieces) => pieces.flatMap((piece) => [...piece]);
const duration = (milliseconds) => {
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, milliseconds);
  return [0x44, 0x89, 0x88, ...new Uint8Array(view.buffer)];
};

test('a stream is told how long it is', () => {
  for (const before of [[], INDEX])
    for (const stale of [[], duration(7)]) {
      const head = bytes(EBML, STREAM, before, element(INFO, SCALE, stale, APP), REST);
      const inside = [...SCALE, ...APP, ...duration(2500)];
      const size = [1, 0, 0, 0, 0, 0, 0, inside.length];
      assert.deepEqual(joined(withDurationIn(head, 2.5)), [...EBML, ...STREAM, ...INFO, ...size, ...inside, ...REST]);
    }
});

test('in the unit of its time', () => {
  const head = bytes(EBML, STREAM, element(INFO, element([0x2a, 0xd7, 0xb1], [0x03, 0xe8])));
  assert.deepEqual(joined(withDurationIn(head, 1)).slice(-11), duration(1_000_000));
});

test('a file that is whole is made longer in its place, and never shorter', async () => {
  const whole = (said) => bytes(EBML, element([0x18, 0x53, 0x80, 0x67], INDEX, element(INFO, SCALE, said, APP), REST));
  const single = (milliseconds) => {
    const view = new DataView(new ArrayBuffer(4));
    view.setFloat32(0, milliseconds);
    return [0x44, 0x89, 0x84, ...new Uint8Array(view.buffer)];
  };
  for (const of of [duration, single])
    for (const [said, then] of [
      [446, 2000],
      [2050, 2050],
    ])
      assert.deepEqual(joined(withDurationIn(whole(of(said)), 2)), [...whole(of(then))]);
});

test('what is no recording, or says nothing of it, stays as it is', async () => {
  const silent = bytes(EBML, element([0x18, 0x53, 0x80, 0x67], element(INFO, SCALE)));
  for (const content of [silent, bytes([1, 2, 3]), bytes([]), bytes(EBML, STREAM), bytes(EBML, STREAM, INDEX, [0])]) {
    const blob = new Blob([content], { type: 'video/webm' });
    assert.deepEqual(new Uint8Array(await (await withDuration(blob, 2)).arrayBuffer()), content);
  }
});
