import assert from 'node:assert/strict';
import test from 'node:test';
import { cost, count, counted, exact, fixed, level, parameter, percent, scientific } from '../../static/js/format.js';
import './document.js';
import { signed } from '../../static/js/notation.js';
import { nothing } from '../../static/vendor/lit-html/lit-html.js';

test('a number has a real minus sign and fixed decimals, and nothing is −0', () => {
  assert.deepEqual(
    [-1.234, 0, -0.001, 12].map((value) => fixed(value)),
    ['−1.23', '0.00', '0.00', '12.00'],
  );
  for (const write of [fixed, count, level, parameter])
    for (const value of [-0, -0.0004, -1e-300]) assert.match(write(value), /^0(\.0+)?$/, write.name);
  assert.deepEqual([cost(-0), percent(-0), exact(-0), scientific(-0)], ['0.0000', '0.0%', '0', '0.0e0']);
  assert.deepEqual([-0.4, -1234.5, -1].map(count), ['0', '−1,235', '−1']);
});

test('a cost takes six characters, or a power of ten', () => {
  const costs = [0.6942, 0.99999, 1, 9.99999, 12.3456, 208.3, 999.99999, 9999.99, 12345, 99_999.4];
  assert.deepEqual(costs.map(cost), [
    ...['0.6942', '1.0000', '1.0000', '10.000', '12.346', '208.30', '1000.0', '10000', '12345', '99999'],
  ]);
  const extremes = [0.00001234, 0, 99_999.5, 123456, 1234567, 3.4e38, Infinity];
  assert.deepEqual(extremes.map(cost), ['1.2e−5', '0.0000', '1.0e5', '1.2e5', '1.2e6', '3.4e38', '∞']);
});

test('a level has two decimals, and no more than seven characters', () => {
  const levels = [-1.234, 0, 999.994, -1000, 12345.67, 99_999.5, -3e20];
  assert.deepEqual(levels.map(level), ['−1.23', '0.00', '999.99', '−1000.0', '12346', '1.0e5', '−3.0e20']);
});

test('a parameter has one more decimal while it is small', () => {
  assert.deepEqual([0.004, -1.5, -2.8e28, 0].map(parameter), ['0.004', '−1.50', '−2.8e28', '0.00']);
});

test('shares, counts and exact numbers', () => {
  assert.deepEqual([percent(0.9867), percent(null)], ['98.7%', '–']);
  assert.equal(count(1234567), '1,234,567');
  for (const value of [0.1, 1 / 3, 1e-300, 2 ** 53]) assert.equal(Number(exact(value)), value);
});

test('a term of a sum has the sign of what is written', () => {
  const alone = (value) => signed(value, true).values[0] === nothing;
  assert.deepEqual([1.5, 0, -0, -0.0004, -1.5].map(alone), [true, true, true, true, false]);
});

test('of one thing there is one', () => {
  assert.deepEqual(
    [0, 1, 2, 1234].map((many) => counted(many, 'point')),
    ['0 points', '1 point', '2 points', '1,234 points'],
  );
  assert.deepEqual(
    [1, 2].map((many) => counted(many, 'row is', 'rows are')),
    ['1 row is', '2 rows are'],
  );
});
