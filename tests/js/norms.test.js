import assert from 'node:assert/strict';
import test from 'node:test';
import { Norms } from '../../static/js/labs/norms.js';

test('what the server still knows comes before and between what was seen', () => {
  const norms = new Norms();
  norms.write(10, [1, 2]);
  norms.write(20, [3, 4]);
  norms.recall(
    [0, 8, 16, 20],
    [
      [5, 6],
      [7, 8],
      [9, 10],
      [0, 0],
    ],
  );
  assert.deepEqual(norms.iterations, [0, 8, 10, 16, 20]);
  assert.deepEqual(norms.curves, [
    [5, 7, 1, 9, 3],
    [6, 8, 2, 10, 4],
  ]);
  // Back at an iteration, the way goes on from there.
  norms.write(8, [1, 1]);
  assert.deepEqual(norms.iterations, [0, 8]);
});

test('of another network nothing stays, and there is never too much', () => {
  const norms = new Norms();
  norms.recall([0], [[1]]);
  norms.recall(
    [0, 5],
    [
      [1, 2],
      [3, 4],
    ],
  );
  assert.deepEqual(norms.curves, [
    [1, 3],
    [2, 4],
  ]);
  const many = [...Array(1000).keys()];
  norms.recall(
    many,
    many.map((k) => [k, k]),
  );
  assert.ok(norms.iterations.length <= 600);
  assert.equal(norms.iterations.length, norms.curves[1].length);
});
