import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import test from 'node:test';
import { doubt, readings, readNumber } from '../../static/js/numbers.js';

const CASES = JSON.parse(readFileSync(new URL('../number_cases.json', import.meta.url), 'utf8'));

for (const { text, readings: expected, why = '' } of CASES)
  test(`${JSON.stringify(text)} is ${expected.join(' or ') || 'no number'} ${why}`, () => {
    assert.deepEqual(readings(text), expected);
    assert.equal(readNumber(text), expected.length === 1 ? expected[0] : NaN);
    assert.equal(doubt(text) !== '', expected.length > 1);
  });

test('every number that JavaScript writes is read back', () => {
  for (const value of [0.1, 1 / 3, 5e-324, 1.7976931348623157e308, 1e21, 123456789, -2.5e-7])
    assert.deepEqual(readings(String(value)), [value]);
});

test('what is longer than any number is none, and costs nothing', () => {
  assert.deepEqual(readings('1'.repeat(1000)), []);
  assert.deepEqual(readings(`${'1,'.repeat(49)}1`), []);
});

test('in doubt both readings are said', () => {
  assert.equal(doubt(' 1,250 '), ' “1,250” can be 1.25 or 1250: write one of these.');
});
