// What own points mean: round numbers at the axes in the units that were entered, and a link that keeps it.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fromHash, toHash } from '../../static/js/experiment/address.js';
import { defaultsOf, experimentOf, fieldsOf, OWN, runSpec } from '../../static/js/experiment/experiment.js';
import { entered, isOrigin, ticks } from '../../static/js/experiment/origin.js';
import { catalogue } from './server.js';

const HEIGHT = { name: 'height (cm)', center: 175, scale: 0.4 };
const WEIGHT = { name: 'weight; "kg" & Ω', center: -3, scale: 2 };
const origin = { axes: [HEIGHT, WEIGHT], label: 'sex', classes: ['f', 'm'] };

test('axes have round numbers where they belong', () => {
  assert.deepEqual(ticks(HEIGHT, [-6.6, 6.6]), {
    at: [160, 165, 170, 175, 180, 185, 190].map((value) => (value - 175) * 0.4),
    texts: ['160', '165', '170', '175', '180', '185', '190'],
  });
  assert.deepEqual(ticks(WEIGHT, [-6.6, 6.6]).texts, ['−6', '−5', '−4', '−3', '−2', '−1', '0']);
  assert.deepEqual(ticks({ name: 'x', center: 1e6, scale: 1e300 }, [-6.6, 6.6]), { at: [0], texts: ['1000000'] });
  assert.equal(entered({ ...HEIGHT, center: 1.775, scale: 40 }, (1.7 - 1.775) * 40), 1.7);
});

test('a link and a run keep what own points mean, and nothing else is taken for it', () => {
  const fields = fieldsOf(catalogue);
  const defaults = defaultsOf(catalogue);
  const own = {
    ...defaults,
    dataset: OWN,
    points: [
      [1, 2],
      [3, 4],
    ],
    labels: [0, 1],
    origin,
  };
  const { experiment, problems } = fromHash(toHash(own, defaults, fields), defaults, fields);
  assert.deepEqual(problems, []);
  assert.deepEqual(experiment.origin, origin);
  assert.deepEqual(experimentOf(runSpec(experiment), catalogue).origin, origin);
  assert.equal(toHash({ ...own, dataset: 'circle' }, defaults, fields).includes('origin'), false);
  for (const wrong of [
    null,
    3,
    {},
    { axes: [HEIGHT] },
    { axes: [HEIGHT, { ...WEIGHT, scale: 0 }] },
    { ...origin, classes: ['f'] },
  ])
    assert.equal(isOrigin(wrong), false);
  assert.match(fromHash('#origin=%7B', defaults, fields).problems[0], /Origin/);
});
