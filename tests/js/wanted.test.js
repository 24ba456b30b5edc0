import assert from 'node:assert/strict';
import test from 'node:test';
import { Wanted } from '../../static/js/stream/wanted.js';

/** What is wanted after some commands. */
function after(...commands) {
  const wanted = new Wanted();
  for (const [name, ...values] of commands) wanted[name](...values);
  const { restart, weights, iteration, steps, playing, edits } = wanted;
  return { restart, weights, iteration, steps, playing, edits: [...edits.values()] };
}
const nothing = { restart: null, weights: null, iteration: null, steps: 0, playing: null, edits: [] };
const weight = { layer: 1, unit: 0, input: 1 };

test('however often one asks, there is one answer', () => {
  assert.deepEqual(after(), nothing);
  assert.deepEqual(after(['play'], ['pause'], ['play']), { ...nothing, playing: true });
  assert.deepEqual(after(['step', 2], ['step', 3]), { ...nothing, steps: 5, playing: false });
  assert.deepEqual(
    after(['edit', weight, { value: 1 }], ['edit', weight, { frozen: true }], ['edit', weight, { value: 2 }]).edits,
    [{ ...weight, value: 2, frozen: true }],
  );
  assert.equal(
    after(['edit', weight, { value: 1 }], ['edit', { ...weight, input: null }, { value: 3 }]).edits.length,
    2,
  );
});

test('a command takes the place of what it makes pointless', () => {
  const before = [
    ['step', 4],
    ['edit', weight, { value: 1 }],
    ['seek', 7],
    ['step', 2],
    ['edit', weight, { value: 5 }],
  ];
  assert.deepEqual(after(...before), {
    ...nothing,
    iteration: 7,
    steps: 2,
    playing: false,
    edits: [{ ...weight, value: 5 }],
  });
  assert.deepEqual(after(...before, ['seek', 9]), { ...nothing, iteration: 9, playing: false });
  assert.deepEqual(after(...before, ['reset']), { ...nothing, restart: 'reset', playing: false });
  const weights = [{ weights: [[1]], biases: [0] }];
  assert.deepEqual(after(...before, ['configure', weights]), {
    ...nothing,
    restart: 'configure',
    weights,
    playing: false,
  });
  // A run that is set up anew begins anew as well; and a reset draws its own weights.
  assert.deepEqual(after(['configure', weights], ['reset']), { ...nothing, restart: 'configure' });
});

test('once it has been asked to go somewhere the rest is left', () => {
  const wanted = new Wanted();
  wanted.seek(5);
  wanted.step(2);
  wanted.edit(weight, { frozen: true });
  wanted.play();
  const { iteration, restart, steps, playing, edits } = wanted.afterSeek();
  assert.deepEqual(
    { iteration, restart, steps, playing, edits: edits.size },
    { iteration: null, restart: null, steps: 2, playing: true, edits: 1 },
  );
});
