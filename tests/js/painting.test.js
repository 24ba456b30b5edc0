import assert from 'node:assert/strict';
import test from 'node:test';
import { boundaryLine, contour, mapLine, unitLine } from '../../static/js/painting/contour.js';
import { sumUp } from '../../static/js/painting/pictures.js';
import { ramp } from '../../static/js/painting/ramp.js';
import { random } from './random.js';
import { lined } from './server.js';

/** The lines of a path of M, L and Z. */
const linesOf = (path) =>
  path
    .split('M')
    .slice(1)
    .map((line) =>
      line
        .replace(/Z$/, '')
        .split('L')
        .map((point) => point.trim().split(/\s+/).map(Number)),
    );
/** A picture, row by row, of a function of the column and the row. */
const picture = (width, height, value) =>
  Array.from({ length: width * height }, (_, index) => value(index % width, Math.floor(index / width)));
const within = (value, wanted, tolerance) =>
  assert.ok(Math.abs(value - wanted) <= tolerance, `${value} is not ${wanted} ± ${tolerance}`);

test('a ramp has its ends and its middle', () => {
  const bytes = new Uint8Array(
    ramp([
      [250, 0, 10],
      [128, 128, 128],
      [0, 200, 40],
    ]).buffer,
  );
  const colour = (index) => [...bytes.slice(4 * index, 4 * index + 4)];
  assert.equal(bytes.length, 4 * 256);
  assert.deepEqual(
    [colour(0), colour(255)],
    [
      [250, 0, 10, 255],
      [0, 200, 40, 255],
    ],
  );
  for (const index of [127, 128]) for (const part of colour(index).slice(0, 3)) within(part, 128, 1);
  for (let index = 1; index < 256; index++) assert.ok(colour(index)[1] >= colour(index - 1)[1]);
});

test('the contour of a cone is a circle in one stroke', () => {
  const values = picture(61, 61, (i, j) => Math.round(255 * Math.max(0, 1 - Math.hypot(i / 30 - 1, j / 30 - 1))));
  const path = contour(values, 61, 61, 127.5);
  assert.ok(path.endsWith('Z'));
  const [circle, ...others] = linesOf(path);
  assert.deepEqual(others, []);
  assert.ok(circle.length > 60);
  for (const [x, y] of circle) within(Math.hypot(x - 50, y - 50) / 50, 0.5, 0.01);
});

for (const up of [true, false]) {
  test(`the contour of a slope ${up ? 'up' : 'across'} goes from border to border`, () => {
    const values = picture(9, 5, (i, j) => Math.round(up ? (255 * j) / 4 : (255 * i) / 8));
    const [line, ...others] = linesOf(contour(values, 9, 5, 64.5));
    assert.deepEqual(others, []);
    const [across, along] = up ? [1, 0] : [0, 1];
    assert.deepEqual(
      [line[0][along], line.at(-1)[along]].sort((a, b) => a - b),
      [0, 100],
    );
    for (const point of line) within(point[across], up ? 100 - 64.5 / 2.55 : 64.5 / 2.55, 0.3);
  });
}

test('a flat picture has no contour, and a saddle two', () => {
  assert.equal(contour([128, 128, 128, 128], 2, 2, 127.5), '');
  assert.equal(linesOf(contour([255, 0, 0, 255], 2, 2, 127.5)).length, 2);
});

test("a saddle's mean says which corners its lines cut off", () => {
  const corners = { 'lower left': [0, 100], 'lower right': [100, 100], 'upper left': [0, 0], 'upper right': [100, 0] };
  /** The corners next to which both ends of a line are: it shares a side of the square with each. */
  const cutOff = (values) =>
    linesOf(contour(values, 2, 2, 127.5))
      .map((line) =>
        Object.keys(corners).find((name) => line.every(([x, y]) => x === corners[name][0] || y === corners[name][1])),
      )
      .sort();
  assert.deepEqual(cutOff([255, 60, 60, 255]), ['lower right', 'upper left']);
  assert.deepEqual(cutOff([200, 0, 0, 200]), ['lower left', 'upper right']);
  assert.deepEqual(cutOff([60, 255, 255, 60]), ['lower left', 'upper right']);
  assert.deepEqual(cutOff([0, 200, 200, 0]), ['lower right', 'upper left']);
});

test('a line is the same whatever was drawn before', () => {
  const waves = (width) => picture(width, width, (i, j) => 127 + 100 * Math.sin(i / 3) * Math.cos(j / 4));
  const [small, large] = [waves(20), waves(90)];
  const before = contour(small, 20, 20, 127.5);
  const ofLarge = contour(large, 90, 90, 127.5);
  assert.equal(contour(small, 20, 20, 127.5), before);
  assert.equal(contour(large, 90, 90, 127.5), ofLarge);
  assert.ok(linesOf(ofLarge).length > linesOf(before).length);
});

test('steps too few for a line are smoothed', () => {
  const at = (index) => (2 * index) / 99 - 1;
  const values = Uint8Array.from(picture(100, 100, (i, j) => Math.round(127.5 + 0.4 * (at(i) + 0.3 * at(j)))));
  const [line, ...others] = linesOf(boundaryLine({ values, width: 100, height: 100 }));
  assert.deepEqual(others, []);
  for (const [x, y] of line) within(x / 50 - 1 + 0.3 * (1 - y / 50), 0, 0.03);
});

/** x1 and x2 of each point of a path, in a plane from -6 to 6. */
const placesOf = (path) =>
  linesOf(path).flatMap((line) => line.map(([x, y]) => [(12 * x) / 100 - 6, 6 - (12 * y) / 100]));
const bytesOf = (picture) => ({
  ...picture,
  values: Uint8Array.from(picture.values),
  shares: Uint8Array.from(picture.shares),
});

test('lines are where the server has found them, however flat the bytes', () => {
  const boundary = bytesOf(lined.boundary);
  assert.ok(Math.max(...boundary.values) - Math.min(...boundary.values) <= 1);
  // z is 1e-6 · (a1 - a2 - 1).
  const places = placesOf(boundaryLine(boundary));
  assert.ok(places.length > 20);
  for (const [x, y] of places) within(Math.max(0, x + 0.5 * y + 0.7) - Math.max(0, 0.25 * y - x + 0.3), 1, 0.03);
});

test('a unit has its line on its map, and a finer one if it was asked for', () => {
  const [maps, unit] = [bytesOf(lined.maps), bytesOf(lined.unit)];
  const [first, second] = [mapLine(maps, 0, 128.5), mapLine(maps, 1, 128.5)].map(placesOf);
  assert.ok(first.length > 20 && second.length > 10);
  for (const [x, y] of first) within(x + 0.5 * y + 0.7, 0, 0.04);
  for (const [x, y] of second) within(0.25 * y - x + 0.3, 0, 0.04);
  const fine = placesOf(unitLine(unit));
  assert.ok(fine.length > second.length);
  for (const [x, y] of fine) within(0.25 * y - x + 0.3, 0, 0.01);
});

test('differences sum up to the picture', () => {
  const next = random(0);
  const [width, height] = [7, 5];
  const values = picture(width, height, () => Math.floor(next() * 256));
  const at = (i, j) => (i < 0 || j < 0 ? 0 : values[j * width + i]);
  const bytes = Uint8Array.from(
    picture(width, height, (i, j) => at(i, j) - at(i - 1, j) - at(i, j - 1) + at(i - 1, j - 1)),
  );
  sumUp(bytes, width);
  assert.deepEqual([...bytes], values);
});
