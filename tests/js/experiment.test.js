import assert from 'node:assert/strict';
import test from 'node:test';
import { addressesBeside, fromHash, leftOut, toHash } from '../../static/js/experiment/address.js';
import {
  changed,
  defaultsOf,
  experimentOf,
  fieldsOf,
  obstacle,
  runSpec,
  sameData,
  sameRun,
  TERMS,
} from '../../static/js/experiment/experiment.js';
import { random } from './random.js';
import { catalogue } from './server.js';

const fields = fieldsOf(catalogue, ['timeline']);
const defaults = defaultsOf(catalogue);
/** Each property of a run and of what is shown, as it is not by default. */
const full = {
  ...defaults,
  dataset: 'own',
  problem: 'regression',
  points: [
    [1.25, -3],
    [0.1, 2],
    [4, 5.5],
  ],
  labels: [0.5, -1, 2],
  examples: 33,
  noise: 0.5,
  labelFlips: 0.25,
  trainFraction: 0.5,
  dataSeed: 9,
  features: ['x2', 'sin_x1'],
  layers: [
    { units: 2, activation: 'tanh', slope: 0.01 },
    { units: 1, activation: 'leaky_relu', slope: 0.125 },
  ],
  scheme: 'he',
  scale: 0.5,
  weightSeed: 4,
  parameters: [
    {
      weights: [
        [0.1, 1e-7],
        [-2, 3],
      ],
      biases: [0, 1 / 3],
    },
    { weights: [[1], [2]], biases: [3] },
    { weights: [[-1]], biases: [0.7] },
  ],
  learningRate: 1 / 7,
  optimizer: 'momentum',
  batchSize: 8,
  l1: 0.003,
  l2: 0.1,
  trainingSeed: 6,
  stopCost: 0.01,
  stopAccuracy: 0.9,
  stopPatience: 50,
  stopIterations: 700,
  iterationsPerFrame: null,
  showTest: false,
  discretise: true,
  panel: 'timeline',
};

test('an address of the defaults is empty, and one of everything is read back whole', () => {
  assert.equal(toHash(defaults, defaults, fields), '');
  const { experiment, problems } = fromHash(toHash(full, defaults, fields), defaults, fields);
  assert.deepEqual(problems, []);
  assert.deepEqual(experiment, full);
});

test('an address keeps every digit', () => {
  const next = random(1);
  const between = (low, high) => low + Math.floor(next() * (high - low + 1));
  const rates = [
    Number.MIN_VALUE,
    1e-300,
    0.1 + 0.2,
    100,
    ...Array.from({ length: 60 }, () => next() * 10 ** between(-12, 2)),
  ];
  for (const learningRate of rates) {
    const layers = Array.from({ length: between(0, 6) }, () => ({ ...defaults.layers[0], units: between(1, 16) }));
    const experiment = { ...defaults, learningRate, noise: next(), dataSeed: between(0, 2 ** 32 - 1), layers };
    const read = fromHash(toHash(experiment, defaults, fields), defaults, fields);
    assert.deepEqual(read, { experiment, problems: [] });
  }
});

test('what an address says wrongly is left out and named', () => {
  const wrong = '#points=1,2&parameters=1,2&activation=tanh,relu&batch=0&panel=x&noise=0.5&nothing=1';
  const { experiment, problems } = fromHash(wrong, defaults, fields);
  assert.deepEqual(experiment, { ...defaults, dataset: 'own', noise: 0.5 });
  for (const label of [
    'Own points',
    'Parameters',
    'Activation',
    'Batch size',
    'Panel',
    'no setting called “nothing”',
  ]) {
    assert.equal(problems.filter((problem) => problem.includes(label)).length, 1, label);
  }
});

test('points that an address names no dataset of are own ones, and what comes to nothing is named', () => {
  /** @param {string} hash */
  const read = (hash) => fromHash(hash, defaults, fields);
  const { experiment, problems } = read('#points=0.5,1,2;1,1,-0.5&problem=regression');
  assert.deepEqual(problems, []);
  assert.deepEqual(
    [experiment.dataset, experiment.problem, experiment.labels, experiment.points.length],
    ['own', 'regression', [2, -0.5], 2],
  );
  const [plane] = catalogue.regression_datasets;
  const origin = encodeURIComponent('{"axes":[{"name":"a","center":0,"scale":1},{"name":"b","center":0,"scale":1}]}');
  for (const [part, rest] of [
    ['points=1,1,0;2,2,1', 'dataset=circle'],
    ['kept=abc', 'dataset=circle'],
    [`origin=${origin}`, ''],
    ['problem=regression', ''],
    ['problem=regression', 'dataset=circle'],
    ['problem=classification', `dataset=${plane.name}`],
    ['slope=0.2', 'activation=relu'],
    ['activation=relu', 'layers=none'],
    ['step=3', ''],
  ]) {
    const without = read(`#${rest}`);
    const said = read(`#${part}&${rest}`.replace(/&$/, ''));
    assert.deepEqual(said.experiment, without.experiment, part);
    assert.equal(said.problems.length, without.problems.length + 1, part);
    assert.ok(said.problems[0].toLowerCase().includes(part.split('=')[0]), part);
  }
});

test('what no address can hold is named', () => {
  const many = Array.from({ length: 2000 }, (_, index) => [index / 7, -index / 7]);
  const experiment = { ...defaults, dataset: 'own', points: many, labels: many.map(() => 1) };
  assert.equal(leftOut(experiment, fields), 'your own points');
  assert.ok(!toHash(experiment, defaults, fields).includes('points='));
  assert.equal(leftOut(full, fields), '');
});

test('a run in the words of the protocol is read back to what was set up', () => {
  const view = ['iterationsPerFrame', 'showTest', 'discretise', 'panel', 'examples', 'noise', 'labelFlips'];
  const read = experimentOf(runSpec(full), catalogue);
  for (const [name, value] of Object.entries(full))
    if (name in read && !view.includes(name)) assert.deepEqual(read[name], value, name);
  assert.ok(Object.keys(read).length > 20);
  const { data, network, training } = runSpec(full);
  assert.deepEqual(TERMS.configure(full, null), { data, runs: [{ network, training }] });
  const weights = [{ weights: [[1]], biases: [0] }];
  const carried = TERMS.configure(full, weights).runs[0];
  assert.deepEqual(carried, { network: { ...network, parameters: weights }, training });
});

test('what can change while it trains makes no other run', () => {
  for (const name of ['learningRate', 'l1', 'l2', 'stopCost', 'panel', 'discretise'])
    assert.ok(sameRun(full, { ...full, [name]: defaults[name] }), name);
  for (const name of ['optimizer', 'batchSize', 'weightSeed', 'features', 'layers'])
    assert.ok(!sameRun(full, { ...full, [name]: defaults[name] }), name);
  assert.ok(sameData(defaults, { ...defaults, layers: [] }));
  assert.ok(!sameData(defaults, { ...defaults, noise: 0.9 }));
});

test('a change brings along what follows from it', () => {
  const [regression] = catalogue.regression_datasets;
  assert.equal(changed(defaults, { dataset: regression.name }, catalogue).problem, 'regression');
  assert.notEqual(changed(full, { learningRate: 1 }, catalogue).parameters, null);
  assert.equal(changed(full, { features: ['x1'] }, catalogue).parameters, null);
  assert.equal(changed(full, { weightSeed: 5 }, catalogue).parameters, null);
});

test('own points that cannot be trained on say why', () => {
  const own = { ...defaults, dataset: 'own' };
  assert.match(obstacle({ ...own, points: [[0, 0]], labels: [0] }), /at least two/);
  assert.match(
    obstacle({
      ...own,
      points: [
        [0, 0],
        [1, 1],
      ],
      labels: [1, 1],
    }),
    /y = 1\. Add one of y = 0/,
  );
  assert.equal(
    obstacle({
      ...own,
      points: [
        [0, 0],
        [1, 1],
      ],
      labels: [0, 1],
    }),
    '',
  );
  assert.equal(obstacle(defaults), '');
});

test('a saved run has its short link, beside which a setting back at its default is written', () => {
  globalThis.location = { pathname: '/r/abc', search: '?a=1' };
  const kept = { ...defaults, learningRate: 0.125 };
  const addressOf = addressesBeside({ id: 'abc', path: '/r/abc', experiment: kept }, defaults, fields);
  assert.equal(addressOf(kept), '/r/abc?a=1');
  for (const experiment of [
    { ...kept, embed: true },
    { ...kept, learningRate: defaults.learningRate },
  ]) {
    const { pathname, hash } = new URL(addressOf(experiment), 'http://here');
    assert.deepEqual(fromHash(hash, pathname === '/r/abc' ? kept : defaults, fields).experiment, experiment);
  }
  // Nothing is something to say, too: of whatever the saved run has, and of all of it.
  const much = { ...full, parameters: null, lesson: 'one-unit', step: 2, hide: ['data'], lock: ['rate'], embed: true };
  const beside = addressesBeside({ id: 'abc', path: '/r/abc', experiment: much }, defaults, fields);
  const own = ['dataset', 'problem', 'points', 'labels', 'origin'];
  const others = Object.keys(much).filter((name) => !own.includes(name));
  for (const names of [
    own,
    ['points', 'labels', 'origin'],
    ['dataset'],
    Object.keys(much),
    ['lesson', 'step'],
    ...others.filter((name) => name !== 'lesson').map((name) => [name]),
  ]) {
    const experiment = changed(much, Object.fromEntries(names.map((name) => [name, defaults[name]])), catalogue);
    const { pathname, hash } = new URL(beside(experiment), 'http://here');
    const read = fromHash(hash, pathname === '/r/abc' ? much : defaults, fields);
    assert.deepEqual(read.problems, [], String(names));
    assert.deepEqual(runSpec(read.experiment), runSpec(experiment), String(names));
    for (const name of ['lesson', 'step', 'hide', 'lock', 'embed', 'panel', 'discretise', 'iterationsPerFrame'])
      assert.deepEqual(read.experiment[name], experiment[name], `${names}: ${name}`);
  }
  for (const empty of ['#hide=', '#lock=', '#panel=', '#lesson=', '#embed=0'])
    assert.deepEqual(fromHash(empty, defaults, fields), { experiment: defaults, problems: [] }, empty);
  for (const wrong of ['#features=', '#points=', '#noise=', '#activation=', '#dataset='])
    assert.equal(fromHash(wrong, defaults, fields).problems.length, 1, wrong);
  const { pathname } = new URL(addressOf({ ...kept, dataSeed: 3 }), 'http://here');
  assert.ok(pathname.endsWith('/') && !pathname.includes('/r/'));
  assert.equal(addressesBeside(null, defaults, fields)(defaults), '/r/abc?a=1');
});

test('a plus in an address is the sign of a number, and what is said twice is told', () => {
  const read = (/** @type {string} */ hash) => fromHash(hash, defaults, fields);
  assert.equal(read('#examples=1e+3').experiment.examples, 1000);
  assert.equal(read('#rate=+.5').experiment.learningRate, 0.5);
  assert.deepEqual(read('#rate=0.1&rate=0.5').problems, ['The address says “rate” twice; the first holds.']);
  assert.equal(read('#rate=0.1&rate=0.5').experiment.learningRate, 0.1);
  assert.deepEqual(read('#rate=0.1&rate=0.1').problems, []);
});
