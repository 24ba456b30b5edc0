import assert from 'node:assert/strict';
import test from 'node:test';
import { deflateSync } from 'node:zlib';
import { encode } from '@msgpack/msgpack';
import { Watching } from '../../static/js/classroom/watching.js';

/** @param {number} iteration */
function frame(iteration) {
  const run = { first_iteration: iteration, costs: new Uint8Array(), test_cost: null, boundary: null, layers: [] };
  return new Uint8Array(deflateSync(encode({ iteration, frame: iteration, runs: [run] })));
}

/** @param {Watching} watching @param {number} member */
const shown = (watching, member) => watching.all.get(member)?.frame?.iteration;

test('a network that is looked at is shown as it comes; with little motion twice a second, and its latest', (context) => {
  let now = 0;
  context.mock.timers.enable({ apis: ['setTimeout'] });
  context.mock.method(performance, 'now', () => now);
  const live = new Watching({ matches: false });
  const calm = new Watching({ matches: true });
  for (const iteration of [1, 2, 3]) {
    for (const watching of [live, calm]) watching.receiveFrame(7, frame(iteration));
    assert.deepEqual([shown(live, 7), shown(calm, 7)], [iteration, 1]);
    now += 100;
  }
  calm.receiveFrame(8, frame(1));
  now = 500;
  context.mock.timers.tick(500);
  assert.deepEqual([shown(calm, 7), shown(calm, 8)], [3, 1]);
  assert.equal(calm.news.value, 2);
  // Who is no longer looked at is gone at once, and nothing is to come.
  calm.receiveFrame(8, frame(2));
  calm.only([8]);
  assert.deepEqual([calm.all.has(7), shown(calm, 8)], [false, 2]);
  context.mock.timers.tick(500);
  assert.equal(calm.news.value, 3);
});
