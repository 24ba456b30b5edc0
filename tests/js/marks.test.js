import assert from 'node:assert/strict';
import test from 'node:test';
import './document.js';
import { drawn } from './server.js';

const { PLANE } = await import('../../static/js/experiment/experiment.js');
const { MARKS, markOf, RAMP, scaleOf, TARGETS } = await import('../../static/js/marks.js');

test('a report draws the plane and its examples as the page does', () => {
  const marks = MARKS.map(({ symbol, colour }) => ({ symbol, colour }));
  assert.deepEqual({ plane: PLANE, marks, ramp: RAMP, targets: TARGETS }, drawn);
});

test('classes differ in shape, and a target is drawn by its sign', () => {
  assert.notEqual(MARKS[0].symbol, MARKS[1].symbol);
  assert.deepEqual(
    [0, 1, -2.5, 0.1].map((label) => markOf(label).name),
    ['zero', 'one', 'zero', 'one'],
  );
});

test('a scale goes from the lowest over the middle to the highest', () => {
  assert.deepEqual(scaleOf(['a', 'b', 'c'], 2), {
    colorscale: [
      [0, 'a'],
      [0.5, 'b'],
      [1, 'c'],
    ],
    cmin: -2,
    cmax: 2,
  });
});
