import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import test from 'node:test';
import { doubt, readings, readNumber } from '../../static/js/numbers.js';
import { random } from './random.js';

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

test('the server reads every text as the page does', () => {
  const parts = [..."0123456789,.-+eE /*^%'_\t", '1,250', '1.250', '000', '10^', '⁻³', '−', '１', '，', '٣', '٫', '½'];
  const next = random(8);
  const some = () => parts[Math.floor(parts.length * next())];
  const texts = Array.from({ length: 5000 }, () => Array.from({ length: 1 + Math.floor(6 * next()) }, some).join(''));
  const program =
    'import json, sys; from app.numbers import readings; ' +
    'print(json.dumps([readings(text, by_hand=True) for text in json.load(sys.stdin)]))';
  const python = process.env.PYTHON ?? '.venv/bin/python';
  const told = JSON.parse(
    String(execFileSync(python, ['-c', program], { input: JSON.stringify(texts), timeout: 60_000 })),
  );
  texts.forEach((text, index) => {
    assert.deepEqual(readings(text), told[index], JSON.stringify(text));
  });
});
