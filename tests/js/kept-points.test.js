import assert from 'node:assert/strict';
import test from 'node:test';
import { fromHash } from '../../static/js/experiment/address.js';
import { defaultsOf, fieldsOf, inLink } from '../../static/js/experiment/experiment.js';
import { forgetPoints, keepPoints, keptPoints, latestPoints, nameOf } from '../../static/js/experiment/kept-points.js';
import { catalogue } from './server.js';

const DAY = 24 * 3600 * 1000;
const fields = fieldsOf(catalogue, ['timeline']);
const defaults = defaultsOf(catalogue);

/** A browser's storage with so much room (characters), as its keys. */
function storage(room = 5_000_000) {
  const taken = new Map();
  const methods = {
    getItem: (key) => taken.get(key) ?? null,
    removeItem(key) {
      taken.delete(key);
      delete this[key];
    },
    setItem(key, text) {
      const others = [...taken].filter(([other]) => other !== key).reduce((sum, [, { length }]) => sum + length, 0);
      if (others + text.length > room) throw new DOMException('full', 'QuotaExceededError');
      taken.set(key, text);
      this[key] = text;
    },
  };
  return Object.create(methods);
}

/** As long as they come: nothing but last digits. */
const many = (seed, count = 10_000) => ({
  points: Array.from({ length: count }, (_, index) => [Math.sin(index + seed), Math.cos(index * seed)]),
  labels: Array.from({ length: count }, (_, index) => Math.tan(index + seed) / 1000),
});

/** Another page: only what is stored is left. */
function leave() {
  const { localStorage } = globalThis;
  globalThis.localStorage = storage();
  for (let seed = 1000; seed < 1008; seed++) keepPoints(many(seed, 2));
  globalThis.localStorage = localStorage;
}

test('ten thousand points come back to the last digit', (t) => {
  globalThis.localStorage = storage();
  t.after(() => delete globalThis.localStorage);
  const own = many(1);
  assert.equal(keepPoints(own), true);
  leave();
  assert.deepEqual(keptPoints(nameOf(own)), own);
  assert.equal(latestPoints().name, nameOf(own));
  const { experiment, problems } = fromHash(`#dataset=own&problem=regression&kept=${nameOf(own)}`, defaults, fields);
  assert.deepEqual(problems, []);
  assert.deepEqual(experiment.points, own.points);
  assert.equal(inLink(experiment, fields), false);
  forgetPoints(nameOf(own));
  assert.deepEqual([keptPoints(nameOf(own)), latestPoints()], [null, null]);
});

test('a set that is gone is said, unless the address has points beside it', () => {
  const { problems } = fromHash('#dataset=own&kept=nosuchset', defaults, fields);
  assert.match(problems[0], /kept in another browser, or no longer/);
  const beside = fromHash('#dataset=own&points=1,2,0;3,4,1&kept=nosuchset', defaults, fields);
  assert.deepEqual([beside.problems, beside.experiment.labels], [[], [0, 1]]);
});

test('when it is full the oldest goes, and the newest is kept', (t) => {
  t.mock.timers.enable({ apis: ['Date'] });
  t.after(() => delete globalThis.localStorage);
  for (const room of [5_000_000, 700_000]) {
    globalThis.localStorage = storage(room);
    const sets = Array.from({ length: 6 }, (_, index) => many(index + 2));
    for (const own of sets) {
      t.mock.timers.tick(1000);
      assert.equal(keepPoints(own), true);
      const stored = Object.values(localStorage).reduce((sum, { length }) => sum + length, 0);
      assert.ok(stored <= Math.min(room, 2_000_000));
    }
    leave();
    assert.deepEqual(keptPoints(nameOf(sets[5])), sets[5]);
    assert.equal(keptPoints(nameOf(sets[0])), null);
  }
});

test('small sets are few, and none is kept for ever', (t) => {
  t.mock.timers.enable({ apis: ['Date'] });
  globalThis.localStorage = storage();
  t.after(() => delete globalThis.localStorage);
  for (let seed = 0; seed < 20; seed++) keepPoints(many(seed, 2));
  assert.equal(Object.keys(localStorage).length, 8);
  t.mock.timers.tick(31 * DAY);
  keepPoints(many(99, 2));
  assert.deepEqual(Object.keys(localStorage), [`points.${nameOf(many(99, 2))}`]);
});

test('a browser that stores nothing holds them until the page is left', () => {
  const own = many(7, 3);
  assert.equal(keepPoints(own), false);
  assert.deepEqual(keptPoints(nameOf(own)), own);
  leave();
  assert.equal(keptPoints(nameOf(own)), null);
  delete globalThis.localStorage;
});

test('what else is stored under such a name is no set', (t) => {
  globalThis.localStorage = storage();
  t.after(() => delete globalThis.localStorage);
  for (const text of ['', '1', '1 null', '1 {"points":[[1,2]],"labels":[]}', '1 {"points":[[1,"2"]],"labels":[0]}']) {
    localStorage.setItem('points.x', text);
    assert.equal(keptPoints('x'), null);
  }
});
