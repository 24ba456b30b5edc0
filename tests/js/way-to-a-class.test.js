import assert from 'node:assert/strict';
import test from 'node:test';
import './document.js';

/** @type {Record<string, string>} */
const stored = {};
const heard = new EventTarget();
Object.assign(globalThis, { localStorage: stored, addEventListener: heard.addEventListener.bind(heard) });
const { ownName } = await import('../../static/js/links.js');
const { mountClassroom } = await import('../../static/js/views/classroom.js');

/** Another tab has stored something, or forgotten it. @param {string} name @param {string} [value] */
function inAnotherTab(name, value) {
  const key = ownName(name);
  if (value === undefined) delete stored[key];
  else stored[key] = value;
  heard.dispatchEvent(Object.assign(new Event('storage'), { key }));
}

test('a page that was there first is offered to a room that another tab opens, and takes nobody’s place', async () => {
  let fetched = 0;
  let opened = 0;
  const get = async () => {
    fetched++;
    return () => {};
  };
  mountClassroom(/** @type {any} */ ({}), /** @type {any} */ (new EventTarget()), get, () => opened++);
  assert.deepEqual([fetched, opened], [0, 1]);
  inAnotherTab('theme', 'dark');
  inAnotherTab('room', '{}');
  inAnotherTab('room-keys', '{}');
  assert.equal(fetched, 0);
  inAnotherTab('room');
  inAnotherTab('room-keys');
  assert.equal(fetched, 0);
  inAnotherTab('room-keys', '{}');
  inAnotherTab('room-keys', '{"a": "b"}');
  assert.deepEqual([fetched, opened], [1, 1]);
});
