import assert from 'node:assert/strict';
import test from 'node:test';
import * as bounds from '../../static/js/experiment/bounds.js';
import { bounded, catalogue } from './server.js';

test('what the page knows of the bounds is what the server has', () => {
  assert.deepEqual({ ...bounds }, bounded);
});

test('the bounds of the controls are those of the schemas', () => {
  const { examples, learning_rate, points, seed, stop_cost, iterations_per_frame } = catalogue.limits;
  assert.deepEqual(
    [examples, learning_rate, points, seed, stop_cost, iterations_per_frame],
    [
      [10, 5000],
      [0, 100],
      [2, 10_000],
      [0, 2 ** 32 - 1],
      [0, 1e6],
      [0.01, 1000],
    ],
  );
});
