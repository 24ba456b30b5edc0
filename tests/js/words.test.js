import './document.js';
import assert from 'node:assert/strict';
import test from 'node:test';
import { defaultsOf } from '../../static/js/experiment/experiment.js';
import { describe, inFull, summary } from '../../static/js/experiment/words.js';
import { catalogue } from './server.js';

const defaults = defaultsOf(catalogue);
const layer = (activation) => ({ ...defaults.layers[0], activation });

test('a run is named by its activation and what is not the same', () => {
  assert.equal(describe(defaults, defaults, catalogue), 'tanh');
  const other = { ...defaults, layers: [layer('relu')], learningRate: 1, noise: 0.5 };
  assert.equal(describe(other, defaults, catalogue), 'ReLU, α 1, noise 0.5');
  const own = {
    ...defaults,
    dataset: 'own',
    points: [
      [1, 2],
      [3, 4],
    ],
    labels: [0, 1],
  };
  assert.match(describe(own, defaults, catalogue), /^tanh, 2 own points/);
});

test('layers that differ are each named, and without any it is a regression', () => {
  assert.match(describe({ ...defaults, layers: [layer('tanh'), layer('relu')] }, defaults, catalogue), /^tanh–ReLU, /);
  assert.match(describe({ ...defaults, layers: [] }, defaults, catalogue), /^logistic regression/);
  assert.match(describe({ ...defaults, layers: [], problem: 'regression' }, defaults, catalogue), /^linear regression/);
});

test('a summary has data, network and rate, and what else is not by default', () => {
  assert.equal(summary(defaults, defaults, catalogue), 'circle, tanh 2-4-1, α 0.3');
  const other = { ...defaults, batchSize: 8, optimizer: 'adam', trainFraction: 0.5 };
  assert.equal(summary(other, defaults, catalogue), 'circle, tanh 2-4-1, α 0.3, 50.0% to train on, Adam, batch 8');
});

test('in full it has all there is to set, also by default', () => {
  assert.deepEqual(inFull(defaults, catalogue), [
    ['Data', 'circle, 200 examples, noise 0.1, 0.0% labels flipped, 75.0% to train on, data seed 0'],
    ['Network', 'tanh, 2-4-1, inputs x₁, x₂, random × 0.01, seed 0'],
    ['Training', 'α 0.3, gradient descent, full batch, batch seed 0, L1 0, L2 0'],
  ]);
});
