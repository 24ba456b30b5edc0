import assert from 'node:assert/strict';
import test from 'node:test';
import { defaultsOf, TERMS } from '../../static/js/experiment/experiment.js';
import { Dialogue } from '../../static/js/stream/dialogue.js';
import { catalogue } from './server.js';

const setup = { ...defaultsOf(catalogue), learningRate: 0.3 };
const { iterations_per_frame, ...training } = TERMS.settings(setup);
const edit = { layer: 1, unit: 0, input: 1 };

/** A dialogue, what it has sent since one last looked, and what the page does around it. */
function talk(saved = null) {
  const sent = [];
  const dialogue = new Dialogue((message) => sent.push(message), TERMS, saved);
  return {
    dialogue,
    said: () => sent.splice(0),
    types: () => sent.splice(0).map(({ type }) => type),
    begin: () => {
      const steps = dialogue.begin();
      dialogue.configure(setup, null);
      dialogue.stepFirst(steps);
    },
    /** Whether it was to be set up anew, and with which weights. */
    resume: (message) => {
      const anew = dialogue.resumed(message, setup);
      if (anew) {
        dialogue.forget();
        dialogue.configure(setup, anew.weights);
      }
      return anew;
    },
  };
}

/** What the server says of a run as it is set up here. */
const described = (changes = {}) => ({
  type: 'configured',
  session: 'a',
  playing: false,
  iteration: 0,
  from_checkpoint: false,
  iterations_per_frame,
  data: {},
  runs: [{ network: {}, training }],
  ...changes,
});
const state = (changes = {}) => ({
  type: 'state',
  playing: false,
  iteration: 0,
  iterations_per_frame,
  runs: [{ ...training, frozen: [] }],
  ...changes,
});

/** One that is live and settled, with nothing sent. */
function settled() {
  const talking = talk();
  talking.begin();
  assert.deepEqual(talking.types(), ['configure']);
  talking.dialogue.configured(described(), setup);
  assert.deepEqual(talking.said(), []);
  return talking;
}

test('a new session is set up, and what was wanted before there was one is asked for', () => {
  const { dialogue, said, types, begin } = talk();
  dialogue.step(5);
  dialogue.play();
  assert.deepEqual(said(), []);
  assert.equal(dialogue.query(0), '');
  begin();
  assert.deepEqual(types(), ['configure', 'step']);
  assert.equal(dialogue.settled, false);
  dialogue.configured(described({ playing: true }), setup);
  assert.deepEqual([dialogue.settled, dialogue.playing.value, dialogue.session.value], [true, true, 'a']);
});

test('of what can change while it trains only what is different is sent', () => {
  const { dialogue, said } = settled();
  dialogue.adjust(setup);
  assert.deepEqual(said(), []);
  dialogue.adjust({ ...setup, learningRate: 1, stopCost: 0.1 });
  assert.deepEqual(said(), [{ type: 'set', learning_rate: 1, stop: { cost: 0.1 } }]);
  dialogue.state(state({ playing: true }), 0);
  dialogue.adjust({ ...setup, iterationsPerFrame: null });
  assert.deepEqual(said(), [{ type: 'set', iterations_per_frame: 'max' }]);
});

test('one seek is under way, the latest waits for it, and what follows waits for that', () => {
  const { dialogue, said } = settled();
  for (const iteration of [10, 20, 30]) dialogue.seek(iteration);
  dialogue.edit(edit, { value: 1 });
  dialogue.play();
  assert.deepEqual(said(), [{ type: 'seek', iteration: 10 }]);
  dialogue.state(state({ iteration: 7 }), 7);
  assert.deepEqual(said(), []);
  dialogue.state(state({ iteration: 10 }), 10);
  assert.deepEqual(said(), [{ type: 'seek', iteration: 30 }]);
  assert.equal(dialogue.sought.value, 30);
  dialogue.state(state({ iteration: 30 }), 10);
  assert.deepEqual(said(), [{ type: 'edit', ...edit, value: 1 }, { type: 'play' }]);
  assert.deepEqual([dialogue.playing.value, dialogue.sought.value], [true, null]);
});

test('what is wanted while the connection is down is asked for when it is back', () => {
  const { dialogue, said, resume } = settled();
  dialogue.costs({ iteration: 40, runs: [{ first_iteration: 0, costs: new Uint8Array(160) }] });
  dialogue.closed(null);
  assert.equal(dialogue.query(100), 'session=a&iteration=40');
  assert.equal(dialogue.query(25), 'session=a&iteration=25');
  dialogue.edit(edit, { value: 1 });
  dialogue.edit(edit, { frozen: true });
  dialogue.step(2);
  dialogue.step(3);
  assert.deepEqual(said(), []);
  assert.equal(resume(described({ playing: true })), null);
  assert.deepEqual(said(), [
    { type: 'edit', ...edit, value: 1, frozen: true },
    { type: 'step', iterations: 5 },
  ]);
  assert.equal(dialogue.playing.value, false);
});

test('what was asked and not confirmed when the connection went is wanted again', () => {
  const { dialogue, types, resume } = settled();
  dialogue.configure({ ...setup, noise: 0.7 }, null);
  assert.deepEqual(types(), ['configure']);
  dialogue.closed([{ weights: [[1]], biases: [0] }]);
  assert.equal(dialogue.certain.value, false);
  assert.equal(dialogue.query(100), 'session=a&iteration=0');
  assert.deepEqual(resume(described()), { weights: null });
  assert.deepEqual(types(), ['configure']);
  dialogue.configured(described(), setup);
  assert.equal(dialogue.certain.value, true);

  dialogue.reset();
  assert.deepEqual(types(), ['reset']);
  dialogue.closed(null);
  assert.equal(resume(described()), null);
  assert.deepEqual(types(), ['reset']);
});

test('a run that carried its weights on is set up again with those last seen, and what was frozen stays so', () => {
  const { dialogue, said, types, resume } = settled();
  const weights = [{ weights: [[1]], biases: [0] }];
  dialogue.state(state({ runs: [{ ...training, frozen: [edit] }] }), 0);
  dialogue.configure(setup, weights);
  const [configure, freeze] = said();
  assert.deepEqual(configure.runs[0].network.parameters, weights);
  assert.deepEqual(freeze, { type: 'edit', ...edit, frozen: true });
  assert.ok(dialogue.carries(setup));
  assert.equal(dialogue.startsAfresh, false);
  const later = [{ weights: [[2]], biases: [1] }];
  dialogue.closed(later);
  const runs = [{ training, state: { ...training, frozen: [edit] } }];
  assert.deepEqual(resume(described({ runs })), { weights: later });
  assert.deepEqual(types(), ['configure', 'edit']);
});

test('a server that kept an older run is set up anew', () => {
  const { dialogue, types, resume } = settled();
  dialogue.closed(null);
  assert.notEqual(resume(described({ from_checkpoint: true, data: { noise: 0.1 } })), null);
  assert.deepEqual(types(), ['configure']);
});

test('a refusal says what the server has not, or does not take', () => {
  const { dialogue } = settled();
  assert.equal(dialogue.refused('invalid_field'), 'command');
  dialogue.configure(setup, null);
  assert.equal(dialogue.refused('invalid_field'), 'setup');
  assert.equal(dialogue.refused('unknown_session'), 'session');
  assert.equal(dialogue.query(100), '');

  const opening = talk('abc');
  assert.equal(opening.dialogue.query(0), 'saved=abc');
  assert.equal(opening.dialogue.refused('not_found'), 'saved');
  assert.equal(opening.dialogue.query(0), '');
});

test('what the server has lost begins again, paused; what it lost before it trained does not', () => {
  const { dialogue, types } = settled();
  dialogue.play();
  dialogue.configure(setup, null);
  dialogue.costs({ iteration: 40, runs: [{ first_iteration: 0, costs: new Uint8Array(160) }] });
  assert.equal(dialogue.refused('lost'), 'run');
  assert.deepEqual([dialogue.playing.value, dialogue.settled], [false, true]);
  types();
  dialogue.configure(setup, null);
  assert.equal(dialogue.refused('lost'), 'setup');
  assert.equal(dialogue.refused('lost'), 'command');
  // Nothing of it could be taken up as the connection came back: it is a new session's.
  dialogue.closed(null);
  assert.equal(dialogue.refused('lost'), 'session');
});

test('a seek is forgotten with the run that it was of', () => {
  const { dialogue, said } = settled();
  dialogue.seek(10);
  dialogue.play();
  dialogue.forget();
  assert.deepEqual([dialogue.sought.value, said().length], [null, 1]);
  dialogue.state(state({ iteration: 10, playing: true }), 3);
  assert.deepEqual(said(), []);
});

test('a pause that nobody asked for is reported', () => {
  const { dialogue } = settled();
  dialogue.play();
  assert.equal(dialogue.state(state({ playing: true }), 0), false);
  assert.equal(dialogue.state(state({ playing: false }), 0), true);
});

test('it asks in the terms that it is given, whatever is set up, and for steps only with a run', () => {
  const sent = [];
  const terms = {
    configure: ({ lake }, weights) => ({ data: lake, runs: [{ weights }] }),
    settings: ({ speed }) => ({ iterations_per_frame: speed }),
  };
  const dialogue = new Dialogue((message) => sent.push(message), terms);
  const water = { lake: 1, speed: 5 };
  dialogue.step(3);
  assert.equal(dialogue.begin(), 3);
  dialogue.stepFirst(3);
  dialogue.configure(water, null);
  dialogue.stepFirst(3);
  assert.deepEqual(dialogue.configured(described({ iterations_per_frame: 7 }), water), water);
  assert.ok(dialogue.settled);
  assert.deepEqual(sent, [
    { type: 'configure', data: 1, runs: [{ weights: null }], playing: false },
    { type: 'step', iterations: 3 },
    { type: 'set', iterations_per_frame: 5 },
  ]);
});

test('only a setup that is lost with its connection is to be configured anew', () => {
  const weights = [{ weights: [[1]], biases: [0] }];
  for (const lost of [true, false]) {
    const { dialogue, types } = settled();
    dialogue.configure({ ...setup, noise: 0.7 }, lost ? [] : null);
    if (!lost) dialogue.configured(described(), setup);
    assert.equal(types()[0], 'configure');
    dialogue.closed(weights);
    assert.equal(dialogue.query(9), 'session=a&iteration=0');
    assert.deepEqual(dialogue.resumed(described(), setup), lost ? { weights } : null);
    assert.deepEqual(types(), []);
  }
});

test('a session without a run says how it is too', () => {
  const { dialogue } = settled();
  dialogue.play();
  assert.equal(dialogue.state(state({ runs: [] }), undefined), true);
  assert.equal(dialogue.playing.value, false);
});
