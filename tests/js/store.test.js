import assert from 'node:assert/strict';
import test from 'node:test';
import { effect, signal } from '../../static/vendor/signals-core/signals-core.js';
import './document.js';
import { defaultsOf, TERMS } from '../../static/js/experiment/experiment.js';
import { Course } from '../../static/js/lessons/course.js';
import { Store } from '../../static/js/store/state.js';
import { Dialogue } from '../../static/js/stream/dialogue.js';
import { catalogue } from './server.js';

const experiment = defaultsOf(catalogue);
const { iterations_per_frame, ...training } = TERMS.settings(experiment);
const configured = {
  type: 'configured',
  session: 'a',
  playing: false,
  iteration: 0,
  from_checkpoint: false,
  iterations_per_frame,
  data: { points: [[0, 0]], labels: [1], split: { train: [0], test: [] } },
  runs: [{ network: {}, training }],
};

test('a run is kept as the connection goes while another one was to take its place', () => {
  const entered = [];
  const kept = {
    giveWay() {},
    enter: ({ experiment, history }) => entered.push([experiment.learningRate, history.length]),
  };
  const store = new Store(experiment, catalogue, new Dialogue(() => {}, TERMS), kept);
  store.begin();
  store.receive(configured);
  const run = { first_iteration: 0, costs: new Uint8Array(new Float32Array([3, 2, 1]).buffer), test_cost: null };
  store.receiveCosts({ iteration: 3, runs: [run] });
  store.show({ iteration: 3, runs: [{ train_cost: 1, layers: [] }] });
  store.change({ learningRate: 1 });
  assert.deepEqual(entered, [], 'that is the same run');
  store.change({ weightSeed: 7 });
  store.dialogue.closed(null);
  assert.deepEqual(entered, [[1, 3]]);
  // What comes until it is set up anew may be of either, and is nobody's.
  store.receive({ ...configured, resumed: true });
  store.receiveCosts({ iteration: 3, runs: [run] });
  store.change({ weightSeed: 8 }, { anew: true });
  store.receive(configured);
  store.receive(configured);
  assert.deepEqual(entered, [[1, 3]]);
  assert.equal(store.dialogue.certain.value, true);
});

test('a run whose points are all gone shows nothing, and is there again with them', () => {
  const own = {
    dataset: 'own',
    points: [
      [0, 1],
      [1, 0],
    ],
    labels: [0, 1],
  };
  const sent = [];
  const dialogue = new Dialogue((message) => sent.push(message), TERMS);
  const store = new Store({ ...experiment, ...own }, catalogue, dialogue, { giveWay() {}, enter() {} });
  const asked = () => sent.filter(({ type }) => type === 'configure').length;
  const data = { points: own.points, labels: own.labels, split: { train: [1], test: [0] } };
  const run = { first_iteration: 0, costs: new Uint8Array(new Float32Array([3, 2, 1]).buffer), test_cost: null };
  const seen = () => [store.current.picture.value?.iteration, store.known];
  store.begin();
  store.receive({ ...configured, data });
  store.receiveCosts({ iteration: 3, runs: [run] });
  store.show({ iteration: 3, runs: [{ train_cost: 1, layers: [] }] });
  assert.equal(asked(), 1);
  for (const { points, labels } of [
    { points: [], labels: [] },
    { points: own.points, labels: [1, 1] },
  ]) {
    store.change({ points, labels });
    assert.deepEqual([store.points.value?.points, store.points.value?.split.test], [points, []]);
    // What comes late of it changes nothing.
    store.show({ iteration: 4, runs: [{ train_cost: 1, layers: [] }] });
    assert.deepEqual(seen(), [undefined, 3]);
    assert.deepEqual([store.current.history.length, store.current.furthest], [0, 0]);
    assert.equal(store.current.drawn.value?.iteration, 4, 'its network is still there');
    for (const command of ['play', 'step', 'reset']) store[command]();
    store.seek(0);
    assert.ok(sent.every(({ type }) => !['play', 'step', 'reset', 'seek'].includes(type)));
    store.change(own, { keepWeights: true });
    assert.deepEqual(seen(), [4, 3]);
    assert.deepEqual([store.current.history.length, store.points.value?.split.test], [3, [0]]);
  }
  assert.equal(asked(), 1, 'it goes on where it was');
  // What the server has lost meanwhile begins anew.
  store.change({ points: [], labels: [] });
  store.begin();
  store.change(own);
  assert.equal(asked(), 2);
  assert.equal(store.current.picture.value, null);
  store.receive({ ...configured, data });
  store.show({ iteration: 0, runs: [{ train_cost: 1, layers: [] }] });
  assert.deepEqual(seen(), [0, 0]);
});

test('a step of a lesson has its own deeds, and is done while what it shows is seen', () => {
  const dialogue = new Dialogue(() => {}, TERMS);
  const store = new Store(experiment, catalogue, dialogue, { giveWay() {}, enter() {} });
  const { data, runs } = TERMS.configure(experiment, null);
  const until = [{ quantity: 'timed', at_least: 1000 }];
  const trained = [{ quantity: 'iteration', at_least: 3 }];
  const steps = [
    { until, shows: ['timing'] },
    { until, shows: ['timing'] },
    { until: trained, shows: ['cost'] },
  ].map((step) => ({ kind: 'run', title: '', highlight: [], run: null, ...step }));
  const lesson = { name: 'x', title: 'X', hide: [], lock: [], highlight: [], run: { data, ...runs[0] }, steps };
  const done = [];
  const book = { all: signal({}), of: () => ({}), visit() {}, did: (_, step) => done.push(step) };
  const course = new Course(store, catalogue, experiment, book, () => null);
  // The view that says what is seen comes later than the course, and so does what it says.
  const seen = signal(null);
  effect(() => {
    const { shows } = course.step.value ?? { shows: [] };
    seen.value = shows[0] === 'timing' ? shows : null;
  });
  effect(() => {
    course.seen.value = seen.value;
  });
  store.begin();
  course.begin(lesson, 1);
  store.receive(configured);
  store.receive(configured);
  const run = { first_iteration: 0, costs: new Uint8Array(new Float32Array([3, 2, 1]).buffer), test_cost: null };
  store.receiveCosts({ iteration: 3, runs: [run] });
  const show = (iteration) => store.show({ iteration, runs: [{ train_cost: 1, layers: [] }] });
  show(3);
  const [first, late, again] = [store.begins(), store.begins(), store.begins()];
  first({ timed: 1000 });
  assert.deepEqual([course.met.value, done], [true, [1]]);
  course.again();
  again({ timed: 1000 });
  assert.equal(course.met.value, false, 'it was begun before');
  show(0);
  show(3);
  course.go(2);
  late({ timed: 1000 });
  assert.deepEqual([course.met.value, store.deeds.value], [false, {}]);
  course.go(3);
  assert.deepEqual([course.reached.value, course.met.value, done], [true, false, [1]]);
  course.seen.value = steps[2].shows;
  assert.deepEqual([course.met.value, done], [true, [1, 3]]);
});
