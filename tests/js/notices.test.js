import './document.js';
import assert from 'node:assert/strict';
import test from 'node:test';

const { makeWay } = await import('../../static/js/views/notices.js');

/** What lies there, and has the keyboard by keys. @param {number} left @param {number} top @param {number} width @param {number} height */
const lying = (left, top, width, height) => ({
  getBoundingClientRect: () => ({ left, top, right: left + width, bottom: top + height }),
  matches: (/** @type {string} */ selector) => selector === ':focus-visible',
});

test('what is said makes way for what has the keyboard, and stays where it went', () => {
  const attributes = new Set();
  let bubble = true;
  const said = /** @type {any} */ ({
    contains: () => false,
    getBoundingClientRect: () => lying(400, attributes.size > 0 ? 64 : 700, 500, 50).getBoundingClientRect(),
    querySelector: () => bubble,
    removeAttribute: (/** @type {string} */ name) => attributes.delete(name),
    toggleAttribute: (/** @type {string} */ name) => attributes.delete(name) || attributes.add(name),
  });
  const above = (/** @type {any} */ focused) => {
    makeWay(said, focused);
    return attributes.has('data-above');
  };
  assert.equal(above(lying(100, 710, 200, 24)), false, 'beside it');
  assert.equal(above(lying(450, 600, 20, 24)), false, 'above it');
  assert.equal(above({ ...lying(450, 710, 20, 24), matches: () => false }), false, 'by a pointer');
  assert.equal(above(lying(450, 710, 20, 24)), true);
  assert.equal(above(lying(450, 600, 20, 24)), true, 'nothing moves without need');
  assert.equal(above(lying(450, 70, 20, 24)), false);
  assert.equal(above(lying(450, 710, 20, 24)), true);
  bubble = false;
  assert.equal(above(null), false);
});
