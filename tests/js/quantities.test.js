import assert from 'node:assert/strict';
import test from 'node:test';
import {
  carriedOut,
  holds,
  inWordsOf,
  needsDiagnostics,
  nowOf,
  QUANTITIES,
} from '../../static/js/lessons/quantities.js';
import { catalogue, comparisons, quantities } from './server.js';

const layers = [
  { units: 4, activation: 'tanh', slope: 0.01 },
  { units: 2, activation: 'relu', slope: 0.01 },
];
const experiment = { dataset: 'xor', layers, scheme: 'he', scale: 0.01, learningRate: 0.3, optimizer: 'adam' };
const diagnostics = [{ saturated: 0.25, dead: [1, 3], nonpositive: 0.5, mean: -0.25, gradient_norm: 1e-5 }];
const run = { train_cost: 0.2, test_cost: null, train_accuracy: 0.95, test_accuracy: null, diagnostics };
const facts = { picture: { iteration: 340, run }, ending: null, experiment, deeds: { timed: 1000, checked: false } };
const withoutARun = { ...facts, picture: null };

test('the page and the server know the same quantities', () => {
  const names = Object.keys(QUANTITIES);
  const of = (kind) => Object.keys(quantities).filter((name) => quantities[name] === kind);
  assert.deepEqual(names, Object.keys(quantities));
  assert.deepEqual(
    names.filter((quantity) => needsDiagnostics({ quantity })),
    of('diagnostics'),
  );
  assert.deepEqual(
    names.filter((quantity) => QUANTITIES[quantity].set),
    of('setup'),
  );
});

// A condition, how it is worded, what is said to be so, whether it holds, and whether without a run.
const ROWS = [
  [{ quantity: 'iteration', at_least: 1000 }, 'Iteration at least 1,000', '340', false, false],
  [{ quantity: 'train_cost', below: 0.3 }, 'Training cost below 0.3', '0.2000', true, false],
  [{ quantity: 'test_cost', below: 0.3 }, 'Test cost below 0.3', 'not yet', false, false],
  [{ quantity: 'train_accuracy', at_least: 0.95 }, 'Training accuracy at least 95%', '95.0%', true, false],
  [{ quantity: 'ended', equals: 'diverged' }, 'The run is over: it diverged', 'not yet', false, false],
  [{ quantity: 'dead', layer: 1, at_most: 0 }, 'Dead units in layer 1 at most 0', '2', false, false],
  [{ quantity: 'gradient_norm', layer: 1, below: 0.001 }, '‖dW‖ in layer 1 below 0.001', '1.0e−5', true, false],
  [{ quantity: 'mean', layer: 2, above: 0 }, 'Mean of A in layer 2 above 0', 'not yet', false, false],
  [{ quantity: 'dataset', equals: 'xor' }, 'Dataset: xor', 'xor', true, true],
  [{ quantity: 'hidden_layers', equals: 2 }, 'Hidden layers: 2', '2', true, true],
  [{ quantity: 'activation', equals: 'relu' }, 'Activation: ReLU', 'tanh, ReLU', false, false],
  [{ quantity: 'activation', layer: 2, equals: 'relu' }, 'Activation in layer 2: ReLU', 'ReLU', true, true],
  [{ quantity: 'units', above: 1 }, 'Hidden units above 1', '4, 2', true, true],
  [{ quantity: 'units', layer: 3, above: 1 }, 'Hidden units in layer 3 above 1', 'not yet', false, false],
  [{ quantity: 'scheme', equals: 'he' }, 'Start from: He', 'He', true, true],
  [{ quantity: 'optimizer', equals: 'adam' }, 'Optimiser: Adam', 'Adam', true, true],
  [{ quantity: 'timed', at_least: 1000 }, 'Timed examples at least 1,000', '1,000', true, true],
  [{ quantity: 'checked', equals: true }, 'Check my numbers: all right', 'some differ', false, false],
  [{ quantity: 'inspected', equals: 'point' }, 'In the microscope: a point of your own', 'not yet', false, false],
];
for (const [condition, words, now, isSo, isSoWithoutARun] of ROWS) {
  test(words, () => {
    assert.equal(inWordsOf(condition, catalogue), words);
    assert.equal(nowOf(condition, facts, catalogue), now);
    assert.equal(holds(condition, facts), isSo);
    assert.equal(holds(condition, withoutARun), isSoWithoutARun);
  });
}

test('every comparison of the server is known, ends and all', () => {
  // Of 0.2 with 0.1, 0.2 and 0.3.
  const expected = {
    below: [false, false, true],
    at_most: [false, true, true],
    above: [true, false, false],
    at_least: [true, true, false],
    equals: [false, true, false],
  };
  assert.deepEqual(Object.keys(expected), comparisons);
  for (const [name, all] of Object.entries(expected))
    assert.deepEqual(
      [0.1, 0.2, 0.3].map((value) => holds({ quantity: 'train_cost', [name]: value }, facts)),
      all,
      name,
    );
});

test('what can be set up is set up so that it holds', () => {
  const conditions = [
    { quantity: 'dataset', equals: 'circle' },
    { quantity: 'hidden_layers', at_least: 3 },
    { quantity: 'units', above: 4 },
    { quantity: 'activation', layer: 2, equals: 'linear' },
    { quantity: 'scale', below: 0.01 },
    { quantity: 'iteration', above: 9 },
  ];
  const carried = conditions.reduce((before, condition) => carriedOut(before, condition, layers[0]), experiment);
  assert.deepEqual([carried.dataset, carried.scale], ['circle', 0.005]);
  assert.deepEqual(
    carried.layers.map(({ units }) => units),
    [5, 5, 5],
  );
  assert.deepEqual(
    carried.layers.map(({ activation }) => activation),
    ['tanh', 'linear', 'relu'],
  );
});
