import './document.js';
import assert from 'node:assert/strict';
import test from 'node:test';
import { speaksOf } from '../../static/js/labs/microscope/iteration.js';
import { AGREES, verdictOf, verdictOn } from '../../static/js/labs/microscope/lines.js';
import { powerOf, powerOfBoth, textsOf } from '../../static/js/labs/microscope/matrix.js';
import { agrees } from './server.js';

test('a matrix is written with one power of a thousand', () => {
  const powers = [
    [0, 0],
    [0.1, 0],
    [999.9, 0],
    [0.0999, -3],
    [-2e-6, -6],
    [4e5, 3],
  ];
  for (const [largest, power] of powers)
    assert.equal(
      powerOf([
        [0, largest],
        [0, 0],
      ]),
      power,
      String(largest),
    );
  const written = [
    [
      [
        [0.00123, -0.04],
        [0, null],
      ],
      [
        ['1.230', '−40.000'],
        ['0.000', null],
      ],
    ],
    [[[0, 1, 1]], [['0', '1', '1']]],
    [[[0.03351]], [['0.0335']]],
    [[[0.00001]], [['10.000']]],
  ];
  for (const [rows, texts] of written) assert.deepEqual(textsOf(rows, powerOf(rows)), texts);
  // A gradient that is next to nothing, and its finite differences, which are more of it.
  const [gradient, differences] = [[[-2.96e-17]], [[4.44e-13]]];
  const power = powerOfBoth(gradient, differences);
  assert.deepEqual(textsOf(differences, power), [['444.000']]);
  assert.equal(powerOfBoth([[0.5]], [[0.4]]), 0);
  assert.equal(powerOfBoth([[0.5]], [[null]]), 0);
});

test('what is pointed at is spoken of by what belongs to it', () => {
  const part = (what, layer, unit, input) => ({ what, layer, unit, input });
  const every = [
    part('weights', 1, null, null),
    part('weights', 1, 2, 0),
    part('weights', 1, 2, 1),
    part('weights', 2, 2, 0),
    part('biases', 1, null, null),
    part('biases', 1, 1, null),
    part('units', 1, 2, null),
  ];
  const spoken = (pointed) => every.map((each) => speaksOf(each, pointed));
  assert.deepEqual(spoken(part('weights', 1, 2, 0)), [true, true, false, false, false, false, false]);
  assert.deepEqual(spoken(part('biases', 1, 1, null)), [false, false, false, false, true, true, false]);
  assert.deepEqual(spoken(part('units', 1, 2, null)), [true, true, true, false, true, false, true]);
});

test('a verdict says differs and kinks in words', () => {
  const on = (agree) => verdictOn({ agree, numeric: [] });
  assert.deepEqual(on([[true, true]]), { agrees: true, text: 'agrees' });
  const differs = on([
    [true, false],
    [null, true],
  ]);
  assert.equal(differs.agrees, false);
  assert.ok(differs.text.startsWith('differs at row 1, column 2; one entry is at a kink'), differs.text);
  const kinks = on([[null], [null]]);
  assert.equal(kinks.agrees, null);
  assert.ok(kinks.text.startsWith('2 entries are at a kink'), kinks.text);

  const layers = [1, 2].map(() => ({ agree: { weights: [[true, false]], biases: [true] } }));
  const check = { agree: false, compared: 6, kinks: 0, worst: null, detail: null };
  assert.deepEqual(verdictOf({ layers, check }), {
    agrees: false,
    text: '2 of 4 gradients differ from finite differences',
  });
  assert.equal(verdictOf({ layers, check: null }).agrees, null);
});

test('what agrees means is said with the bounds that the server has', () => {
  assert.deepEqual(agrees, { relative: 1e-6, absolute: 1e-9 });
  assert.match(AGREES, /less than a millionth of the larger one, or by less than 10⁻⁹ /);
});
