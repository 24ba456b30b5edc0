import './document.js';
import assert from 'node:assert/strict';
import test from 'node:test';
import { signal } from '../../static/vendor/signals-core/signals-core.js';
import { catalogue } from './server.js';

// A browser as far as an address knows it: the entries of its history.
const entries = ['/'];
const go = (/** @type {number} */ at, /** @type {string} */ address) => {
  entries.splice(at, Infinity, address);
  const { pathname, search, hash } = new URL(address, 'http://here');
  Object.assign(location, { pathname, search, hash });
};
Object.assign(globalThis, {
  addEventListener: () => undefined,
  location: { pathname: '/', search: '', hash: '' },
  history: {
    pushState: (/** @type {null} */ _state, /** @type {string} */ _title, /** @type {string} */ address) =>
      go(entries.length, address),
    replaceState: (/** @type {null} */ _state, /** @type {string} */ _title, /** @type {string} */ address) =>
      go(entries.length - 1, address),
  },
});
const { addressesBeside, fromHash } = await import('../../static/js/experiment/address.js');
const { defaultsOf, fieldsOf } = await import('../../static/js/experiment/experiment.js');
const { mountAddress } = await import('../../static/js/views/address-bar.js');

const fields = fieldsOf(catalogue, ['timeline']);
const defaults = defaultsOf(catalogue);

test('a point more is no step of the browser’s; that all are gone is one, which Back takes back', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const experiment = signal(defaults);
  const store = { experiment, dialogue: { playing: signal(false) }, awaited: false, notice: signal(null) };
  mountAddress(/** @type {any} */ (store), fields, defaults, null, addressesBeside(null, defaults, fields), []);
  /** @param {[number, number][]} points */
  const set = (points) => {
    experiment.value = { ...experiment.value, dataset: 'own', points, labels: points.map(() => 1) };
    t.mock.timers.tick(1000);
  };
  set([[1, 2]]);
  const before = entries.length;
  set([
    [1, 2],
    [3, 4],
  ]);
  assert.equal(entries.length, before);
  set([]);
  assert.equal(entries.length, before + 1);
  const [had, has] = entries.slice(-2).map((entry) => fromHash(new URL(entry, 'http://here').hash, defaults, fields));
  assert.deepEqual([had.experiment.points.length, has.experiment.points.length], [2, 0]);
  assert.equal(has.experiment.dataset, 'own');
  // Undone on the page, they are there again, and nothing is gone twice.
  set([[1, 2]]);
  assert.equal(entries.length, before + 1);
});
