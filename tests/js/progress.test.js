import assert from 'node:assert/strict';
import test from 'node:test';
import { read, write } from '../../static/js/lessons/progress.js';

test('what is stored is believed as far as it is progress', () => {
  const rubbish = [
    null,
    '{',
    'null',
    '{"version": 2, "lessons": {"one-unit": {"at": 3, "done": [1], "chosen": {}}}}',
    '{"version": 1, "lessons": {"one-unit": {"at": "x", "done": [1]}, "slopes": 3}}',
    '{"version": 1, "lessons": [1, 2]}',
  ];
  for (const text of rubbish) assert.deepEqual(read(text), {}, String(text));
  const kept = write({ 'one-unit': { at: 99, done: [2, 1, 1, 400, '3'], chosen: { 2: 1, 9: 'x', '-1': 0 } } });
  assert.deepEqual(read(kept), { 'one-unit': { at: 99, done: [1, 2], chosen: { 2: 1 } } });
});
