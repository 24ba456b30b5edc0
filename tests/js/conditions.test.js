// The server's conditions (app/conditions.py) and the page's (quantities.js) are one definition: on real sessions every
// quantity that both can see gives the same result.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import test from 'node:test';
import { fileURLToPath } from 'node:url';
import { defaultsOf, experimentOf } from '../../static/js/experiment/experiment.js';
import { holds } from '../../static/js/lessons/quantities.js';

const printed = execFileSync(process.env.PYTHON ?? '.venv/bin/python', ['-m', 'tests.js.conditions'], {
  cwd: fileURLToPath(new URL('../..', import.meta.url)),
  encoding: 'utf8',
  maxBuffer: 2 ** 26,
  timeout: 60_000,
});
const { catalogue, quantities, cases } = JSON.parse(printed);

test('the server and the page find the same, quantity by quantity', () => {
  /** What was found of each quantity. */
  const found = new Map();
  for (const { spec, rate, picture, ending, asked } of cases) {
    const experiment = { ...defaultsOf(catalogue), ...experimentOf(spec, catalogue), learningRate: rate };
    const facts = { picture, ending, experiment, deeds: {} };
    for (const [condition, isSo] of asked) {
      assert.equal(holds(condition, facts), isSo, JSON.stringify({ condition, spec }));
      found.set(condition.quantity, (found.get(condition.quantity) ?? new Set()).add(isSo));
    }
  }
  const seen = Object.keys(quantities).filter((name) => quantities[name] !== 'done');
  assert.deepEqual([...found.keys()].sort(), seen.sort());
  for (const [quantity, results] of found) assert.equal(results.size, 2, `${quantity} is never, or always, so`);
});

test('the sessions that were compared are of every kind', () => {
  const endings = new Set(cases.map(({ ending }) => ending));
  for (const ending of ['iterations', 'cost', 'accuracy', 'no_progress', 'diverged', null])
    assert.ok(endings.has(ending), String(ending));
  assert.ok(cases.some(({ picture }) => picture.run.test_cost === null));
  assert.ok(cases.some(({ picture }) => picture.run.train_accuracy === null));
});
