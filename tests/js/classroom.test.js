import assert from 'node:assert/strict';
import test from 'node:test';
import './document.js';
import { catalogue } from './server.js';

globalThis.localStorage ??= /** @type {any} */ (
  (() => {
    const all = new Map();
    return {
      getItem: (/** @type {string} */ key) => all.get(key) ?? null,
      setItem: (/** @type {string} */ key, /** @type {string} */ value) => all.set(key, value),
      removeItem: (/** @type {string} */ key) => all.delete(key),
    };
  })()
);
globalThis.location ??= /** @type {any} */ ({ href: 'http://here/', hash: '', pathname: '/', search: '' });

const { bare, inGroups, sentence } = await import('../../static/js/classroom/calls.js');
const { brief, differences, line, LONGEST, shortCost, shortShare, whole } = await import(
  '../../static/js/classroom/differs.js'
);
const { defaultsOf } = await import('../../static/js/experiment/experiment.js');
const { Joining } = await import('../../static/js/classroom/joining.js');
const { told } = await import('../../static/js/classroom/network-check.js');
const { keepPlace, placeHere, placeOf } = await import('../../static/js/classroom/place.js');
const { studentsNews, teachersNews } = await import('../../static/js/classroom/room-news.js');
const { RoomState } = await import('../../static/js/classroom/room-state.js');
const { asScreen, filling, footOf, sceneOf } = await import('../../static/js/classroom/screen-view.js');
const { better, bestInWords, needsReport, outcome } = await import('../../static/js/classroom/student-facts.js');
const { conditionOf, titleOf } = await import('../../static/js/classroom/teacher-forms.js');
const { comparing, filtersOf, fitting, isSorted, kept, sorted, stepTo } = await import(
  '../../static/js/classroom/wall-order.js'
);

/** @param {number} number @param {string} name @param {object} [more] */
const member = (number, name, more = {}) => ({
  member: number,
  name,
  here: true,
  solved: [],
  progress_at: 100,
  ...more,
});
/** @param {ReturnType<typeof member>[]} members @param {Record<number, number>} [costs] */
const seen = (members, costs = {}) =>
  new Map(
    members.map((each) => [
      each.member,
      { member: each, tile: /** @type {any} */ ({ cost: costs[each.member] ?? null }), activation: 'tanh' },
    ]),
  );

test('a sorted wall stays as it is while costs change, and who comes goes where the order says', () => {
  const three = [member(1, 'wise owl'), member(2, 'calm otter'), member(3, 'keen koi')];
  const before = seen(three, { 1: 0.5, 2: 0.1, 3: 0.3 });
  const byCost = comparing('cost', null);
  const order = sorted(before, byCost);
  assert.deepEqual(order, [2, 3, 1]);
  const after = seen(three, { 1: 0.01, 2: 0.1, 3: 0.3 });
  assert.deepEqual(kept(order, after, byCost), [2, 3, 1]);
  assert.equal(isSorted(order, before, byCost), true);
  assert.equal(isSorted(order, after, byCost), false);
  const joined = seen([...three, member(4, 'able hare')], { 1: 0.5, 2: 0.1, 3: 0.3, 4: 0.2 });
  assert.deepEqual(kept(order, joined, byCost), [2, 4, 3, 1]);
  assert.deepEqual(kept(order, seen(three.slice(1), { 2: 0.1, 3: 0.3 }), byCost), [2, 3]);
});

test('solved and stuck look at the task that is on; what is not known comes last', () => {
  const all = seen(
    [
      member(1, 'a', { solved: [1, 2, 3], progress_at: 50 }),
      member(2, 'b', { solved: [4], progress_at: 10 }),
      member(3, 'c', { progress_at: 20 }),
      member(4, 'd', { progress_at: undefined }),
      member(5, 'e', { progress_at: 5 }),
    ],
    { 1: 0.2 },
  );
  assert.deepEqual(sorted(all, comparing('solved', 4)), [2, 1, 3, 4, 5]);
  assert.deepEqual(sorted(all, comparing('stuck', 4)), [5, 3, 1, 4, 2]);
  assert.deepEqual(sorted(all, comparing('cost', 4)), [1, 2, 3, 4, 5]);
  assert.deepEqual(sorted(all, comparing('name', null)), [1, 2, 3, 4, 5]);
});

test('every filter of the wall finds whom it names', () => {
  const filters = filtersOf(catalogue);
  const someone = { ...[...seen([member(1, 'a', { solved: [2], hand: 7, answered: true })]).values()][0] };
  const holding = filters.filter(({ holds }) => holds(someone, 2)).map(({ name }) => name);
  assert.deepEqual(holding, ['all', 'solved', 'hands', 'answered', 'tanh']);
  const other = { ...someone, member: member(2, 'b', { here: false, answered: false }), activation: 'relu' };
  assert.deepEqual(
    filters.filter(({ holds }) => holds(other, 2)).map(({ name }) => name),
    ['all', 'not-yet', 'away', 'unanswered', 'relu'],
  );
});

test('tiles are as large as everybody can be seen in, at the sizes of the design', () => {
  // 1440 × 900: the wall is 1040 × 796 within its padding.
  assert.equal(fitting(30, 1040, 796, null).size, 'large');
  assert.equal(fitting(31, 1040, 796, null).size, 'medium');
  assert.equal(fitting(49, 1040, 796, null).size, 'medium');
  assert.deepEqual(fitting(100, 1040, 796, null), { size: 'everybody', columns: 15, side: 64 });
  assert.equal(fitting(300, 1040, 796, null).side, 44);
  // 1024 × 768.
  assert.equal(fitting(30, 704, 664, null).size, 'medium');
  assert.equal(fitting(100, 704, 664, null).side, 55);
  assert.equal(fitting(300, 704, 664, null).side, 32);
  assert.equal(fitting(300, 704, 664, 'large').size, 'large');
  assert.equal(fitting(4000, 704, 664, null).side, 24);
});

test('keys walk the wall and stop at its ends', () => {
  const at = (/** @type {string} */ key, /** @type {number} */ from) => stepTo(key, from, 8, 3, 2);
  assert.deepEqual(
    ['ArrowLeft', 'ArrowRight', 'ArrowUp', 'ArrowDown', 'Home', 'End', 'PageUp', 'PageDown', 'x'].map((key) =>
      at(key, 4),
    ),
    [3, 5, 1, 7, 0, 7, 0, 7, null],
  );
  assert.deepEqual([at('ArrowLeft', 0), at('ArrowUp', 1), at('ArrowDown', 6), at('ArrowRight', 7)], [0, 1, 6, 7]);
});

test('what differs is said in twenty characters, the difference first', () => {
  const sent = defaultsOf(catalogue);
  const [layer] = sent.layers;
  const none = { away: null, stuck: null };
  /** @param {object} changes @param {object} [since] */
  const said = (changes, since = none) =>
    line(differences({ ...sent, ...changes }, sent, catalogue), /** @type {any} */ (since));
  assert.equal(said({}), 'as sent');
  assert.equal(said({ weightSeed: 17 }), 'as sent');
  assert.equal(said({ layers: [{ ...layer, activation: 'relu', units: 8 }] }), 'ReLU, 8 units');
  assert.equal(said({ layers: [layer, layer] }), '2 layers of 4');
  assert.equal(
    said({
      layers: [
        { ...layer, units: 6 },
        { ...layer, units: 3 },
      ],
    }),
    '6 and 3',
  );
  assert.equal(said({ layers: [{ ...layer, units: 1 }] }), '1 unit');
  assert.equal(said({ learningRate: 1 }), 'α 1');
  assert.equal(said({ scheme: 'zeros' }), 'zeros');
  assert.equal(said({ dataset: 'xor' }), 'xor');
  assert.equal(said({ dataset: 'xor', learningRate: 1, scheme: 'zeros' }), '3 changes');
  assert.equal(said({ layers: [{ ...layer, units: 1 }] }, { away: null, stuck: 380 }), '1 unit, stuck 6 min');
  assert.equal(said({}, { away: 200, stuck: 900 }), 'as sent, away 3 min');
  assert.equal(said({ layers: [{ ...layer, activation: 'leaky_relu' }] }, { away: null, stuck: 660 }), 'stuck 11 min');
  assert.equal(said({}, { away: 5, stuck: null }), 'as sent, away');
  for (const { name } of catalogue.activations)
    for (const units of [1, 16])
      assert.ok(said({ dataset: 'spiral', layers: [{ ...layer, activation: name, units }] }).length <= LONGEST);
  assert.equal(brief(sent, catalogue), 'tanh, 4 units');
  assert.equal(whole(sent, catalogue), 'circle, tanh, 4 units');
  assert.equal(brief({ ...sent, layers: [] }, catalogue), 'no hidden layer');
});

test('numbers of a tile fit beside its picture', () => {
  assert.deepEqual([0.0149, 12.345, 123456, Infinity, null].map(shortCost), ['0.015', '12.3', '1e5', '∞', '–']);
  assert.deepEqual([0.98, null].map(shortShare), ['98%', '–']);
});

test('a room is what it is told, message by message', () => {
  const state = new RoomState();
  const room = { type: 'room', role: 'teacher', id: 'x', members: [member(1, 'a'), member(2, 'b')] };
  assert.equal(state.receive(/** @type {any} */ (room)), true);
  state.receiveTiles({
    tiles: /** @type {any} */ ([
      {
        member: 1,
        cost: 1,
        boundary: { encoding: 'differences', width: 2, height: 2, values: new Uint8Array([1, 1, 1, 1]) },
        setup: { data: {} },
      },
      { member: 2, cost: 2, boundary: null },
    ]),
  });
  assert.deepEqual([...(state.tiles.get(1)?.boundary?.values ?? [])], [1, 2, 2, 4]);
  assert.deepEqual(state.setups.get(1), { data: {} });
  // One that has no picture any more keeps the last.
  state.receiveTiles({ tiles: /** @type {any} */ ([{ member: 1, cost: null, ended: 'diverged', boundary: null }]) });
  assert.equal(state.tiles.get(1)?.ended, 'diverged');
  assert.equal(state.tiles.get(1)?.boundary?.values.length, 4);
  state.receive(/** @type {any} */ ({ type: 'member', ...member(2, 'b', { hand: 5 }) }));
  assert.equal(state.members.value.get(2)?.hand, 5);
  // Without members they are as they were.
  state.receive(/** @type {any} */ ({ type: 'room', role: 'teacher', id: 'x', held: true }));
  assert.equal(state.members.value.size, 2);
  assert.equal(state.room.value?.held, true);
  state.receive({ type: 'member', member: 1, gone: true });
  assert.deepEqual([[...state.members.value.keys()], state.tiles.has(1), state.setups.has(1)], [[2], false, false]);
  assert.equal(state.receive({ type: 'error', code: 'x', detail: 'y' }), false);
  state.receive({ type: 'over', reason: 'ended', detail: 'It is over.' });
  assert.equal(state.over.value, 'It is over.');
});

test('a projector shows a question first, and with a teacher’s key no more than with its own', () => {
  const room = /** @type {any} */ ({ question: null, spotlight: [], task: null, experiment: null, in: 0 });
  assert.equal(sceneOf(room, ''), 'join');
  assert.equal(sceneOf({ ...room, experiment: {}, in: 3 }, ''), 'wall');
  assert.equal(sceneOf({ ...room, task: {} }, ''), 'done');
  assert.equal(sceneOf({ ...room, task: {}, spotlight: [{ member: 1 }] }, ''), 'spot');
  assert.equal(sceneOf({ ...room, spotlight: [{ member: 1 }], question: {} }, ''), 'exam');
  assert.equal(sceneOf({ ...room, question: {} }, 'join'), 'join');
  const teachers = /** @type {any} */ ({
    role: 'teacher',
    names: true,
    questions: [{ id: 1, text: 'q', right: 1, answered: 2, of: 3 }],
    question: 1,
    tasks: [{ id: 5, title: 't', solved: 2 }],
    task: 5,
    spotlight: [7],
    claims: [],
  });
  const shown = asScreen(teachers, 3);
  assert.deepEqual([shown.question?.right, shown.names, shown.spotlight], [undefined, false, [{ member: 7 }]]);
  assert.deepEqual([shown.task?.number, shown.task?.of, shown.in], [1, 1, 3]);
  assert.equal(footOf(shown, 'exam'), '2 of 3 have answered');
  assert.equal(footOf({ ...shown, in: 1 }, 'done'), 'one is in');
  assert.deepEqual(filling(30, 936, 640, 12), { columns: 6, side: 118 });
  assert.deepEqual(filling(1, 936, 640, 12), { columns: 1, side: 640 });
});

test('a student reads how near they came, and what the class has said', () => {
  const accuracy = [{ quantity: 'test_accuracy', at_least: 0.95 }];
  const run = (/** @type {object} */ values) => /** @type {any} */ (values);
  assert.equal(better(accuracy, run({ test_accuracy: 0.9 }), null), 0.9);
  assert.equal(better(accuracy, run({ test_accuracy: 0.8 }), 0.9), 0.9);
  assert.equal(better([{ quantity: 'train_cost', below: 0.1 }], run({ train_cost: 0.2 }), 0.5), 0.2);
  assert.equal(better([{ quantity: 'units', equals: 3 }], run({}), null), null);
  // 94.9% is not 95%.
  assert.equal(bestInWords(accuracy, 0.949), '94%');
  assert.equal(needsReport(accuracy), false);
  assert.equal(needsReport([...accuracy, { quantity: 'inspected', equals: 'batch' }]), true);
  const question = { id: 1, text: '', choices: ['1, tanh', '2, ReLU'], answered: true, choice: 1, counts: [15, 14] };
  assert.equal(outcome(question), 'You said 2, ReLU. So did 14 of 29.');
  assert.equal(outcome({ ...question, choice: null }), '29 have answered.');
});

test('what a teacher fills in becomes a condition, with a title of its own', () => {
  const row = (/** @type {string} */ quantity, /** @type {any} */ comparison, /** @type {string} */ value) =>
    conditionOf({ quantity, comparison, value }, catalogue);
  assert.deepEqual(row('test_accuracy', 'at_least', '95'), { quantity: 'test_accuracy', at_least: 0.95 });
  assert.deepEqual(row('train_accuracy', 'above', '90 %'), { quantity: 'train_accuracy', above: 0.9 });
  assert.deepEqual(row('units', 'at_most', '3'), { quantity: 'units', at_most: 3 });
  assert.deepEqual(row('activation', 'at_least', 'relu'), { quantity: 'activation', equals: 'relu' });
  assert.deepEqual(row('checked', 'equals', 'true'), { quantity: 'checked', equals: true });
  assert.equal(row('train_cost', 'below', 'little'), 'Training cost needs a number.');
  assert.equal(row('train_cost', 'below', '5 %'), 'Training cost needs a number.');
  assert.equal(
    row('train_cost', 'below', '1,250'),
    'Training cost needs a number. “1,250” can be 1.25 or 1250: write one of these.',
  );
  assert.equal(titleOf([{ quantity: 'test_accuracy', at_least: 0.95 }], catalogue), 'Test accuracy of 95%');
  assert.equal(
    titleOf(
      [
        { quantity: 'train_cost', below: 0.1 },
        { quantity: 'units', at_most: 3 },
      ],
      catalogue,
    ),
    'Training cost below 0.1, hidden units at most 3',
  );
});

test('a network that is checked is told in a sentence', () => {
  const fine = { reached: 200, socket: true, delay: 38, frames: 30 };
  assert.equal(told(fine, false).verdict, 'This network will do');
  assert.deepEqual(told(fine, false).rows[2], ['Delay', '38 ms', 'good below 150 ms']);
  assert.equal(told({ ...fine, socket: false }, false).verdict, 'This network will do, the second way');
  assert.equal(told({ ...fine, socket: false, frames: null }, false).good, false);
  assert.equal(told({ ...fine, frames: 4 }, false).good, false);
  assert.equal(told({ ...fine, delay: 400 }, false).verdict, 'This network is slow');
  assert.equal(told({ reached: null, socket: null, delay: null, frames: null }, false).good, false);
  assert.equal(told(fine, true).verdict, 'Checking');
});

test('a code is typed with spaces or without, and shown in groups', () => {
  assert.equal(bare(' k7m-4qx '), 'K7M4QX');
  assert.equal(inGroups('K7M4QX'), 'K7M 4QX');
  assert.equal(sentence('wrong'), 'Wrong.');
  assert.equal(sentence('Is it?'), 'Is it?');
  assert.equal(sentence(undefined), undefined);
});

const JOINED = { room: 'r', member: 3, name: 'calm otter', secret: 's', session: 'x', title: 'Year 12' };

/** @param {Record<string, any>[]} answers in turn @param {string} [code] */
function joiningWith(answers, code = 'K7M4QX') {
  /** @type {any[]} */
  const asked = [];
  /** @type {any[]} */
  const started = [];
  const ask = async (/** @type {string} */ _, /** @type {string} */ path, /** @type {any} */ { body }) => {
    asked.push([path, body]);
    const answer = answers.shift() ?? {};
    return answer.code
      ? { status: 409, body: null, wrong: { code: answer.code, text: `${answer.code}.` } }
      : { status: 201, body: answer, wrong: null };
  };
  return { joining: new Joining(code, (place) => started.push(place), /** @type {any} */ (ask)), asked, started };
}

test('a student joins, is named, and starts; the place is kept', async () => {
  keepPlace(null);
  const { joining, asked, started } = joiningWith([JOINED]);
  assert.equal(joining.screen.value.is, 'code');
  await joining.join();
  assert.deepEqual(asked, [['/rooms/join', { code: 'K7M4QX' }]]);
  assert.equal(joining.screen.value.is, 'named');
  assert.equal(placeHere()?.secret, 's');
  joining.go();
  assert.equal(started[0].name, 'calm otter');
});

test('what is wrong with a code is said, and nothing is asked of one that is too short', async () => {
  keepPlace(null);
  const { joining, asked } = joiningWith([{ code: 'locked' }], 'K7');
  await joining.join();
  assert.equal(asked.length, 0);
  assert.match(/** @type {any} */ (joining.screen.value).wrong.text, /6 letters/);
  joining.code.value = 'k7m 4qx';
  await joining.join();
  assert.equal(/** @type {any} */ (joining.screen.value).wrong.code, 'locked');
});

test('who has a place goes on with it; one that is not known any more is forgotten', async () => {
  keepPlace({ ...placeOf(JOINED, 'K7M4QX', null), set: 2, here: '#layers=3' });
  const again = joiningWith([JOINED]);
  assert.equal(again.joining.screen.value.is, 'known');
  await again.joining.back();
  assert.deepEqual(again.asked[0][1], { code: 'K7M4QX', secret: 's' });
  assert.deepEqual([again.started[0].set, again.started[0].here], [2, '#layers=3']);
  const removed = joiningWith([{ code: 'removed' }]);
  await removed.joining.back();
  assert.equal(removed.joining.screen.value.is, 'code');
  assert.equal(placeHere(), null);
  keepPlace(placeOf(JOINED, 'K7M4QX', null));
  assert.equal(joiningWith([], 'AAA222').joining.screen.value.is, 'code');
  const shared = joiningWith([]);
  shared.joining.anew();
  assert.equal(shared.joining.screen.value.is, 'code');
  assert.equal(placeHere(), null);
});

test('a name is claimed until the teacher has decided', async (context) => {
  context.mock.timers.enable({ apis: ['setTimeout'] });
  keepPlace(null);
  const { joining, asked, started } = joiningWith([{ code: 'locked' }, { claim: 'c' }, { claim: 'c' }, JOINED]);
  await joining.join();
  joining.claimed.value = ' calm otter ';
  await joining.claim();
  assert.equal(joining.screen.value.is, 'claiming');
  for (let look = 0; look < 2; look++) {
    context.mock.timers.tick(1500);
    await new Promise((resolve) => setImmediate(resolve));
  }
  assert.deepEqual(
    asked.map(([, body]) => body),
    [
      { code: 'K7M4QX' },
      { code: 'K7M4QX', name: 'calm otter' },
      { code: 'K7M4QX', claim: 'c' },
      { code: 'K7M4QX', claim: 'c' },
    ],
  );
  assert.equal(started[0].member, 3);
  // Who was given another place meanwhile leaves it.
  keepPlace(null);
  const named = joiningWith([{ ...JOINED, member: 9, secret: 'spare' }, { claim: 'c' }, JOINED]);
  await named.joining.join();
  named.joining.claimed.value = 'calm otter';
  await named.joining.claim();
  context.mock.timers.tick(1500);
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(named.asked.at(-1)?.[1], { code: 'K7M4QX', claim: 'c', secret: 'spare' });
  keepPlace(null);
});

test('an answer that comes late is not heard: whoever asked has gone on', async (context) => {
  context.mock.timers.enable({ apis: ['setTimeout'] });
  /** @type {((answer: any) => void)[]} */
  const answers = [];
  /** @type {any[]} */
  const started = [];
  const ask = () => new Promise((resolve) => answers.push((body) => resolve({ status: 201, body, wrong: null })));
  const joining = () => new Joining('K7M4QX', (place) => started.push(place), /** @type {any} */ (ask));

  // Who shares a device and is somebody else does not come in as who was there before.
  keepPlace(placeOf(JOINED, 'K7M4QX', null));
  const shared = joining();
  const back = shared.back();
  shared.anew();
  answers[0](JOINED);
  await back;
  assert.deepEqual([started, placeHere(), shared.screen.value.is], [[], null, 'code']);

  // A dialog that is closed takes no place, and waits for nobody.
  const closed = joining();
  const asked = closed.join();
  closed.end();
  answers[1](JOINED);
  await asked;
  assert.equal(placeHere(), null);
  const claiming = joining();
  claiming.claimed.value = 'calm otter';
  const claim = claiming.claim();
  answers[2]({ claim: 'c' });
  await claim;
  claiming.end();
  context.mock.timers.tick(1500);
  assert.equal(answers.length, 3);

  // The teacher's form and back: what was pressed there can be pressed again, and who waits goes on waiting.
  const turned = joining();
  const join = turned.join();
  turned.turn();
  answers[3](JOINED);
  await join;
  turned.turn();
  assert.deepEqual(turned.screen.value, { is: 'code', wrong: null, busy: false });
  turned.claimed.value = 'calm otter';
  const again = turned.claim();
  answers[4]({ claim: 'c' });
  await again;
  turned.turn();
  context.mock.timers.tick(1500);
  assert.equal(answers.length, 5);
  turned.turn();
  context.mock.timers.tick(1500);
  assert.equal(answers.length, 6);
});

test('what was set up here is known of the same member alone', () => {
  const before = { ...placeOf(JOINED, 'K7M4QX', null), set: 4, mine: '#a' };
  assert.equal(placeOf(JOINED, 'K7M4QX', before).set, 4);
  assert.equal(placeOf({ ...JOINED, member: 9 }, 'K7M4QX', before).set, 0);
  assert.equal(placeOf({ ...JOINED, room: 'other' }, 'K7M4QX', before).mine, '');
});

test('what has changed in a room is said to its teacher, and nothing else', () => {
  const quiet = {
    held: false,
    experiment: null,
    questions: [],
    question: null,
    tasks: [],
    task: null,
    lesson: null,
    spotlight: [],
    reduction: { hide: [], lock: [] },
    locked: false,
    names: false,
    code: 'K7M4QX',
  };
  const said = (/** @type {object} */ before, /** @type {object} */ now) =>
    teachersNews(/** @type {any} */ ({ ...quiet, ...before }), /** @type {any} */ ({ ...quiet, ...now }), 30);
  assert.equal(said({}, {}), '');
  assert.equal(said({}, { held: true }), 'Eyes here: every page is paused and locked.');
  assert.equal(said({}, { experiment: { number: 3 } }), 'Experiment 3 is sent to 30.');
  const asked = { id: 1, text: 'Which?', choices: ['tanh', 'ReLU'], answered: 4, right: 1 };
  const on = { questions: [asked], question: 1 };
  assert.equal(said({}, on), 'Question asked: Which?');
  assert.equal(said(on, { ...on, questions: [{ ...asked, answered: 5 }] }), '');
  const shown = { ...on, questions: [{ ...asked, counts: [1, 4] }] };
  assert.equal(said(on, shown), 'A, tanh: 1. B, ReLU, right: 4.');
  assert.equal(said(shown, { questions: [asked] }), 'The question is closed.');
  assert.equal(
    said({ spotlight: [1] }, { spotlight: [1, 2], locked: true }),
    '2 in the spotlight. The door is locked.',
  );
  assert.equal(said({}, { code: 'AAA222' }), 'The code is AAA 222 now.');
});

test('what is on is said to a student who comes in, and then what changes', () => {
  const room = /** @type {any} */ ({
    held: false,
    hand: false,
    reduction: { hide: [], lock: [] },
    experiment: { number: 2 },
    task: { id: 1, number: 1, title: 'Test accuracy of 95%', solved: false },
    question: { id: 4, text: 'Which?', choices: ['1', '2'], choice: null },
    lesson: null,
  });
  assert.equal(
    studentsNews(null, room),
    'Experiment 2, from your teacher. Task 1: Test accuracy of 95%. Question: Which?',
  );
  assert.equal(studentsNews(room, room), '');
  assert.equal(studentsNews(room, { ...room, question: { ...room.question, choice: 1 } }), '');
  assert.equal(studentsNews(room, { ...room, held: true }), '');
  assert.equal(studentsNews({ ...room, held: true }, room), 'Your teacher has let go.');
  assert.equal(studentsNews(room, { ...room, task: { ...room.task, solved: true } }), 'Solved: Test accuracy of 95%.');
});
