import './document.js';
import assert from 'node:assert/strict';
import test from 'node:test';
import { epochOf } from '../../static/js/experiment/experiment.js';
import { History } from '../../static/js/store/history.js';
import { columnEnds, meansAt } from '../../static/js/store/means.js';
import { within } from '../../static/js/views/cost-scale.js';
import { random } from './random.js';

const plainly = (costs, window, k) => {
  const part = costs.slice(Math.max(0, k + 1 - window), k + 1);
  return part.reduce((sum, cost) => sum + cost) / part.length;
};

test('a mean is of the last costs, wherever one looks and whatever was before', () => {
  const next = random(3);
  for (let example = 0; example < 200; example++) {
    const length = 1 + Math.floor(next() * 80);
    const costs = Float32Array.from({ length }, () => next() * 10);
    const window = 1 + Math.floor(next() * 30);
    const at = [...costs.keys()].filter(() => next() < 0.5);
    meansAt(costs, window, at).forEach((mean, index) => {
      assert.ok(Math.abs(mean - plainly([...costs], window, at[index])) < 1e-9);
    });
    assert.equal(meansAt(costs, window, at).length, at.length);
  }
  // Nothing is subtracted: what was huge leaves no trace.
  assert.deepEqual(meansAt(Float32Array.from([1, 3e38, 1, 2, 3]), 2, [3, 4]), [1.5, 2.5]);
  assert.deepEqual(meansAt(new Float32Array(3), 2, [7]), []);
});

test('columns end where the curve does', () => {
  assert.deepEqual(columnEnds(0, 10, 5), [1, 3, 5, 7, 9]);
  assert.deepEqual(columnEnds(3, 5, 400), [3, 4]);
  assert.deepEqual(columnEnds(4, 4, 400), []);
  assert.equal(columnEnds(0, 99_999, 333).at(-1), 99_998);
});

test('with mini-batches a chart has the mean of an epoch, and of a column where that is more', () => {
  const next = random(5);
  const costs = Float32Array.from({ length: 4000 }, () => next());
  for (const [columns, window] of [
    [1000, 15],
    [50, 80],
  ]) {
    const history = new History(15);
    history.write(0, costs);
    const { line, batches, ...rest } = history.curves(columns);
    assert.equal(rest.window, window);
    assert.ok(line.x.length <= columns);
    assert.equal(line.x.at(-1), 3999);
    line.x.forEach((k, index) => {
      assert.ok(Math.abs(line.y[index] - plainly([...costs], window, k)) < 1e-6);
    });
    // It lies still where the batches do not.
    const range = (values) => Math.max(...values) - Math.min(...values);
    assert.ok(range(line.y.slice(20)) < range(batches.y) / 2);
    assert.ok(Math.abs(history.mean(3999) - plainly([...costs], 15, 3999)) < 1e-6);
  }
});

test('without mini-batches it is every cost', () => {
  const history = new History();
  history.write(0, Float32Array.from([3, 1, 2]));
  assert.deepEqual(history.curves(100), { line: { x: [0, 1, 2], y: [3, 1, 2] }, batches: null, window: 1 });
  assert.equal(history.mean(1), 1);
  assert.deepEqual([epochOf(null, 150), epochOf(10, 150), epochOf(64, 150), epochOf(500, 150)], [1, 15, 3, 1]);
});

test('one batch does not set the axis', () => {
  assert.deepEqual(within([0.001, 0.5, 100], [0.4, 0.6]), [0.2, 0.5, 1.2]);
});
