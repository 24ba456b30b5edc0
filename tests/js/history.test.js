import assert from 'node:assert/strict';
import test from 'node:test';
import { History, milestonesOf, nearestOn, thin } from '../../static/js/store/history.js';
import { random } from './random.js';

test('thinning keeps the extremes of every column', () => {
  const next = random(2);
  for (let example = 0; example < 60; example++) {
    const columns = 1 + Math.floor(next() * 50);
    const length = example < 3 ? example + 1 : 1 + Math.floor(next() * 300);
    // Some are equal, and some jump.
    const costs = Float32Array.from({ length }, () => (next() < 0.2 ? 0.5 : next() * 10));
    const { x, y } = thin(costs, columns);
    assert.deepEqual(
      [...x],
      [...new Set(x)].sort((a, b) => a - b),
    );
    assert.deepEqual(
      [...y],
      [...x].map((iteration) => costs[iteration]),
    );
    assert.ok(x.length <= 2 * (columns + 1));
    assert.equal(Math.max(...y), Math.max(...costs));
    assert.equal(Math.min(...y), Math.min(...costs));
  }
});

test('it keeps what lies beyond until a cost is another, and has no gap', () => {
  const history = new History();
  const after = (first, costs) => {
    history.write(first, Float32Array.from(costs));
    return [...history.costs];
  };
  assert.deepEqual(after(0, [1, 2, 3]), [1, 2, 3]);
  history.writeTest(0, 9);
  history.writeTest(3, 8);
  assert.deepEqual(after(3, [4]), [1, 2, 3, 4]);
  assert.deepEqual(after(1, [2]), [1, 2, 3, 4]);
  assert.deepEqual(after(1, []), [1, 2, 3, 4]);
  assert.equal(history.rewritten, 0, 'what is drawn of it still holds');
  assert.deepEqual(after(2, [5, 6, 7]), [1, 2, 5, 6, 7]);
  assert.equal(history.rewritten, 1);
  assert.deepEqual(
    history.tests.map(({ iteration }) => iteration),
    [0],
  );
  assert.throws(() => history.write(9, new Float32Array(1)), RangeError);
  history.clear();
  assert.equal(history.rewritten, 2);
  assert.deepEqual(after(0, []), []);
  assert.equal(after(0, new Float32Array(5000).fill(1)).length, 5000);
});

test('the cost nearest to an iteration of a thinned curve, also where there is only one', () => {
  assert.deepEqual(nearestOn({ x: [0], y: [0.7] }, 0), { iteration: 0, cost: 0.7 });
  const curve = { x: [0, 10, 14], y: [3, 2, 1] };
  const near = [0, 4, 6, 10, 11, 13, 14].map((iteration) => nearestOn(curve, iteration).iteration);
  assert.deepEqual(near, [0, 0, 10, 10, 10, 14, 14]);
});

test('a table of costs has the first and some twenty more, with test costs where they are known', () => {
  const history = new History();
  assert.deepEqual(milestonesOf(history, 0), []);
  const costs = Float32Array.from({ length: 2304 }, (_, iteration) => 4 / (iteration + 1));
  history.write(0, costs);
  const iterations = (end) => milestonesOf(history, end).map(({ iteration }) => iteration);
  assert.deepEqual(milestonesOf(history, 1), [{ iteration: 0, train: 4, test: null }]);
  assert.deepEqual(iterations(2304), [0, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000]);
  assert.deepEqual(iterations(6), [0, 1, 2, 5]);
  for (let iteration = 0; iteration <= 2304; iteration += 8) history.writeTest(iteration, iteration);
  assert.deepEqual(iterations(2304), [0, 8, 24, 48, 104, 200, 504, 1000, 2000]);
  for (const { iteration, train, test } of milestonesOf(history, 2304)) {
    assert.equal(train, costs[iteration]);
    assert.equal(test, iteration);
  }
  const long = new History();
  long.write(0, new Float32Array(1_000_000));
  assert.ok(milestonesOf(long, 1_000_000).length <= 20);
});
