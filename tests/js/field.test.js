import assert from 'node:assert/strict';
import test from 'node:test';
import { choice, FieldError, number, optional, yesOrNo } from '../../static/js/experiment/field.js';

/** What a field says of a text that is no value of it. */
const refusal = (field, text, shown) => {
  try {
    field.read(text, shown);
  } catch (error) {
    assert.ok(error instanceof FieldError);
    return error.message;
  }
  return assert.fail(`${text} was taken`);
};

test('a number says its range, ends included', () => {
  const noise = number('noise', 'Noise', [0, 1]);
  assert.deepEqual(['0', ' 0.5 ', '1'].map(noise.read), [0, 0.5, 1]);
  for (const text of ['', ' ', '-0.1', '1.1', 'x', 'NaN', 'Infinity'])
    assert.equal(refusal(noise, text), 'Noise must be a number from 0 to 1.');
});

test('a lower end that is left out is said', () => {
  const rate = number('rate', 'Learning rate', [0, 100], { above: true });
  assert.equal(rate.read('1e-9'), 1e-9);
  assert.equal(refusal(rate, '0'), 'Learning rate must be a number greater than 0 and at most 100.');
});

test('whole numbers are said, and what is typed in what is shown, what an address has as it has it', () => {
  const examples = number('examples', 'Examples', [10, 5000], { whole: true });
  assert.equal(refusal(examples, '10.5'), 'Examples must be a whole number from 10 to 5,000.');
  const flips = number('flips', 'Label flips', [0, 0.5], { factor: 100 });
  assert.equal(refusal(flips, '0.6', true), 'Label flips must be a number from 0 to 50 %.');
  assert.equal(refusal(flips, '0.6'), 'Label flips must be a number from 0 to 0.5.');
  const units = { factor: 60, suffix: ' iterations a second', bare: ' iterations a frame' };
  const speed = optional(number('speed', 'Speed', [0.5, 100], units), 'max');
  assert.equal(refusal(speed, '300', true), 'Speed must be a number from 30 to 6,000 iterations a second.');
  assert.equal(refusal(speed, '300'), 'Speed must be a number from 0.5 to 100 iterations a frame.');
});

test('what may be empty reads back what it writes', () => {
  const batch = optional(number('batch', 'Batch size', [1, 10], { whole: true }), 'full');
  for (const value of [null, 1, 10]) assert.equal(batch.read(batch.write(value)), value);
  assert.equal(batch.read(''), null);
  assert.match(refusal(batch, 'none'), /Batch size must be/);
});

test('a choice names what there is', () => {
  const colour = choice('colour', 'Colour', ['red', 'blue']);
  assert.equal(colour.read('red'), 'red');
  for (const text of ['', 'Red', 'toString']) assert.equal(refusal(colour, text), 'Colour must be one of red, blue.');
  const sure = yesOrNo('sure', 'Sure');
  for (const value of [true, false]) assert.equal(sure.read(sure.write(value)), value);
  assert.equal(refusal(sure, '1'), 'Sure must be one of yes, no.');
});
