import assert from 'node:assert/strict';
import test from 'node:test';
import './document.js';
import { defaultsOf, TERMS } from '../../static/js/experiment/experiment.js';
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
