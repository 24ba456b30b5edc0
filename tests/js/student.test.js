import './document.js';
import assert from 'node:assert/strict';
import test from 'node:test';
import { catalogue } from './server.js';

// A browser as far as a stream knows it: what it keeps, and a worker that hears the server.
const kept = new Map();
/** @type {any} */
let worker;
/** @type {any[]} */
let said = [];
Object.assign(globalThis, {
  localStorage: {
    getItem: (/** @type {string} */ key) => kept.get(key) ?? null,
    setItem: (/** @type {string} */ key, /** @type {string} */ value) => kept.set(key, value),
    removeItem: (/** @type {string} */ key) => kept.delete(key),
  },
  location: { href: 'http://here/', hash: '', pathname: '/', search: '' },
  addEventListener: () => undefined,
  getComputedStyle: () => ({ color: 'rgb(1, 2, 3)' }),
  WebSocket: { CONNECTING: 0, OPEN: 1, CLOSING: 2, CLOSED: 3 },
  Worker: class extends EventTarget {
    constructor() {
      super();
      worker = this;
    }
    /** @param {any} message */
    postMessage(message) {
      if (message.type === 'connect') said.push(message.url);
      if (message.type === 'say') said.push(JSON.parse(message.text));
    }
  },
});
Object.assign(globalThis.document, {
  addEventListener: () => undefined,
  createElement: () => ({ style: {}, remove() {} }),
  body: { append() {} },
  hidden: false,
});
const { toHash } = await import('../../static/js/experiment/address.js');
const { defaultsOf, fieldsOf, TERMS } = await import('../../static/js/experiment/experiment.js');
const { Store } = await import('../../static/js/store/state.js');
const { guest, Stream } = await import('../../static/js/stream/stream.js');
const { ELSEWHERE, placeHere, placeOf } = await import('../../static/js/classroom/place.js');
const { Student } = await import('../../static/js/classroom/student.js');

const defaults = defaultsOf(catalogue);
const fields = fieldsOf(catalogue, ['timeline']);
const xor = { ...defaults, dataset: 'xor' };
const own = placeOf(
  { room: 'r', member: 3, name: 'calm otter', secret: 's', session: 'mine', title: 'Year 12' },
  'K7M4QX',
  null,
);
const room = { type: 'room', room: 'r', title: 'Year 12', member: 3, name: 'calm otter', hand: false, held: false };
const quiet = { reduction: { hide: [], lock: [] }, task: null, question: null, lesson: null, experiment: null };
const sent = { number: 2, page: '#layers=5', seed: null, playing: false };
const unknown = { type: 'error', code: 'unknown_session', detail: 'this session has ended' };

/** What the server says of a session that has been trained. @param {import('../../static/js/types/protocol').Experiment} of */
function resumed(of) {
  const { data, runs } = /** @type {any} */ (TERMS.configure(of, null));
  const { iterations_per_frame, ...training } = TERMS.settings(of);
  return {
    type: 'configured',
    session: 'mine',
    resumed: true,
    from_checkpoint: false,
    playing: true,
    held: false,
    iteration: 700,
    iterations_per_frame,
    data: { points: [[0, 0]], labels: [1], split: { train: [0], test: [] } },
    runs: [{ network: {}, training, state: training }],
    setup: { data, ...runs[0] },
  };
}

/**
 * A page that opens at an address, with a place; what it says once the server has said all of that.
 *
 * @param {any} experiment as its address has it
 * @param {any} place
 * @param {object[]} told
 * @param {string} [hash]
 */
function opened(experiment, place, told, hash = toHash(experiment, defaults, fields)) {
  said = [];
  location.hash = hash;
  guest.value = null;
  const stream = new Stream(TERMS);
  const history = /** @type {any} */ ({ giveWay() {}, enter() {} });
  const store = new Store(experiment, catalogue, /** @type {any} */ (stream.dialogue), history);
  const student = new Student(/** @type {any} */ ({ store, stream, fields, defaults, catalogue }));
  student.comeBack(place);
  const tell = (/** @type {object} */ data) => worker.dispatchEvent(Object.assign(new Event('message'), { data }));
  try {
    stream.open(store);
    tell({ type: 'opened', id: 1 });
    for (const message of told) tell({ type: 'message', message });
  } finally {
    stream.close();
  }
  const [address] = said;
  const asked = said.filter(({ type }) => type === 'configure');
  return { address: new URL(address).search, asked, store, student };
}

test('a page that is opened again goes on where its place in the class was', () => {
  const here = { ...own, here: toHash(xor, defaults, fields) };
  const { address, asked, store } = opened(xor, here, [{ ...room, ...quiet }, resumed(xor)]);
  assert.equal(address, '?room=r&session=mine&iteration=0');
  assert.deepEqual(asked, []);
  assert.deepEqual([store.dialogue.playing.value, store.notice.value], [true, null]);
  assert.equal(store.current.experiment.value?.dataset, 'xor');
  // Own points that no address holds are found again, too.
  const points = Array.from({ length: 3000 }, (_, index) => /** @type {const} */ ([index / 1000, 1]));
  const many = { ...defaults, dataset: 'own', points, labels: points.map((_, index) => index % 2) };
  opened(many, own, []);
  assert.match(placeHere()?.here ?? '', /&kept=/);
  // The server was killed meanwhile: what it had kept goes on, and that is said.
  const kept = opened(xor, here, [
    { ...room, ...quiet },
    { ...resumed(xor), from_checkpoint: true },
  ]);
  assert.deepEqual(kept.asked, []);
  assert.match(kept.store.notice.value?.text ?? '', /goes on from iteration 700/);
  // From a bare address too: the network is the server's.
  const bare = opened(defaults, here, [{ ...room, ...quiet }, resumed(xor)]);
  assert.deepEqual([bare.asked.length, bare.store.experiment.value.dataset], [0, 'xor']);
});

test('somebody new, a link to something else, and what was sent meanwhile are set up', () => {
  const fresh = opened(defaults, own, [{ ...room, ...quiet }, unknown]);
  assert.equal(fresh.asked.length, 1);
  assert.equal(fresh.store.notice.value, null);
  const here = { ...own, here: toHash(xor, defaults, fields) };
  const gauss = { ...defaults, dataset: 'gauss' };
  const linked = opened(gauss, here, [{ ...room, ...quiet }, resumed(xor)]);
  assert.deepEqual(
    linked.asked.map(({ data }) => data.dataset),
    ['gauss'],
  );
  const late = opened(xor, { ...here, set: 1 }, [{ ...room, ...quiet, experiment: sent }, resumed(xor)]);
  assert.deepEqual(
    late.asked.map(({ runs }) => runs[0].network.layers.map(({ units }) => units)),
    [[5]],
  );
});

test('a page that is opened again knows whose experiment is there, and has the way to the other', () => {
  const here = { ...own, set: 2, here: toHash(xor, defaults, fields), mine: '#dataset=gauss' };
  const { student } = opened(xor, here, [{ ...room, ...quiet, experiment: sent }, resumed(xor)]);
  assert.equal(student.atMine.value, false);
  student.swap();
  const place = placeHere();
  assert.deepEqual([place?.here, place?.theirs], ['#dataset=gauss', '#dataset=xor']);
  const gauss = { ...defaults, dataset: 'gauss' };
  const again = opened(gauss, place, [{ ...room, ...quiet, experiment: sent }, resumed(gauss)]);
  assert.deepEqual([again.asked.length, again.student.atMine.value], [0, true]);
  again.student.swap();
  assert.deepEqual([again.store.experiment.value.dataset, again.student.atMine.value], ['xor', false]);
});

test('who comes from another device has the network that was there, or else what was sent', () => {
  const claimed = { ...own, set: ELSEWHERE };
  const there = opened(defaults, claimed, [{ ...room, ...quiet, experiment: sent }, resumed(xor)]);
  assert.deepEqual([there.asked.length, there.store.experiment.value.dataset], [0, 'xor']);
  assert.equal(placeHere()?.set, 2);
  const empty = opened(defaults, claimed, [{ ...room, ...quiet, experiment: sent }, unknown]);
  assert.equal(empty.asked.length, 1);
  assert.equal(placeHere()?.set, 2);
});
