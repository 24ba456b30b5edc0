import './document.js';
import assert from 'node:assert/strict';
import test from 'node:test';
import { layoutNetwork } from '../../static/js/painting/network-layout.js';
import { biasRadius } from '../../static/js/painting/network-picture.js';
import { place, xTicks, xTop, yRange } from '../../static/js/views/cost-scale.js';

test('axes end at round numbers', () => {
  assert.deepEqual([0, 201, 1001, 1501, 999999].map(xTop), [200, 300, 1500, 2000, 1000000]);
  assert.deepEqual(xTicks(1500), [0, 500, 1000, 1500]);
  assert.deepEqual(yRange([[0.69, 0.1]], false), [0, 0.72]);
  const [, top] = yRange(
    [
      [0.7, 1e30],
      [0.69, 0.2],
    ],
    false,
  );
  assert.ok(Math.abs(top - 5 * 0.7 * 1.06) < 1e-6);
});

test('a cost axis reaches where the run is, unless it has exploded', () => {
  const [, top] = yRange([[0.7, 30, 208]], false, 208);
  assert.ok(top >= 208 && top < 230);
  assert.ok(yRange([[0.7, 30, 1e9]], false, 1e9)[1] < 4);
  assert.ok(yRange([[0.7, 30, 0.2]], false, 0.2)[1] < 4);
});

test('names of curves do not overlap', () => {
  const x = [...Array(100).keys()];
  const curves = ['tanh', 'ReLU', 'sigmoid'].map((text, k) => ({
    text,
    bold: k === 0,
    curve: { x, y: x.map((i) => 0.7 / (1 + i / (5 + k))) },
  }));
  const labels = place(curves, [], { x: (i) => 4 * i, y: (v) => 150 * (1 - v / 0.72), width: 400, height: 150 }, 12);
  assert.deepEqual(
    labels.map(({ text }) => text),
    ['tanh', 'ReLU', 'sigmoid'],
  );
  for (const [index, one] of labels.entries()) {
    for (const other of labels.slice(0, index))
      assert.ok(Math.abs(one.y - other.y) >= 12 || Math.abs(one.x - other.x) >= 25);
  }
});

test('a name is on no other curve, however few points that has', () => {
  const scale = { x: (i) => 4 * i, y: (v) => 150 * (1 - v / 0.72), width: 400, height: 150 };
  const x = [...Array(100).keys()];
  const falling = { x, y: x.map((i) => 0.7 / (1 + i / 6)) };
  /** From one corner to the other: no point of it is in the box of a name. */
  const across = { x: [0, 99], y: [0.4, 0.36] };
  const [{ x: at, y, anchor, text }] = place([{ text: 'tanh', bold: true, curve: falling }], [across], scale, 12);
  const left = anchor === 'left' ? at : at - text.length * 7;
  for (const px of [left, left + text.length * 7])
    assert.ok(Math.abs(scale.y(0.4 - (0.04 * px) / 396) - y) > 8, `${px}, ${y}`);
});

test('a layout keeps units apart and inside', () => {
  const cases = [
    [[2, 4, 1], 664, 470],
    [[2, 8, 1], 646, 307],
    [[2, 1], 664, 470],
    [[2, 16, 16, 16, 16, 16, 16, 1], 664, 430],
    [[2, 16, 1], 340, 420],
  ];
  for (const [sizes, width, height] of cases) {
    const { nodes, edges } = layoutNetwork(sizes, width, height, ['x1', 'x2']);
    assert.equal(
      nodes.length,
      sizes.reduce((sum, size) => sum + size),
    );
    assert.equal(
      edges.length,
      sizes.slice(1).reduce((sum, size, index) => sum + size * sizes[index], 0),
    );
    for (const { layer, x, y, size } of nodes) {
      const half = size / 2;
      // The largest bias, on the unit's lower left corner.
      if (layer > 0) assert.ok(y + half + biasRadius(Infinity) <= height);
      assert.ok(half <= x && x <= width - half);
      assert.ok(half - 1 <= y && y <= height - half + 1);
    }
    for (const [index, other] of nodes.slice(1).entries()) {
      const one = nodes[index];
      if (one.layer === other.layer) assert.ok(other.y - one.y >= one.size);
    }
  }
});
