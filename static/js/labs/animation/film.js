/**
 * One picture of a film: the plane as the page shows it and the cost as far as it has come, with their axes, the
 * iteration and J.
 */

import { PLANE } from '../../experiment/experiment.js';
import { ticks } from '../../experiment/origin.js';
import { cost, count, fixed } from '../../format.js';
import { MANY_POINTS, MARKS, TARGETS } from '../../marks.js';
import { PlanePicture } from '../../painting/plane-picture.js';
import { ramp } from '../../painting/ramp.js';
import { channels, colours, painterColours } from '../../theme.js';
import { scaleTo, within, xTicks, xTop, yRange, yTicks } from '../../views/cost-scale.js';

/** @typedef {import('../../store/state.js').Store} Store */
/** @typedef {import('../../store/current-run.js').Picture} Picture */
/** @typedef {import('../../store/history.js').Curve} Curve */
/** @typedef {import('../../types/protocol').Frame} Frame */

export const SIZE = { width: 1280, height: 640 };
const BOX = { plane: { x: 56, y: 72, width: 520, height: 520 }, cost: { x: 664, y: 112, width: 584, height: 480 } };
const TITLE = { x: 24, y: 42, most: 740, iteration: 800, cost: 1070 };
const TICKS = [-4, -2, 0, 2, 4];
/** How much broader lines are than on the page: a film is often seen small. */
const LINES = 1.5;
const FONT = { small: 17, text: 20, large: 25 };

/**
 * What does not change while it plays.
 *
 * @param {Store} store
 * @param {string} title what is trained
 * @param {number} to the last iteration
 * @param {boolean} log whether the axis of the cost is logarithmic
 */
export function filmOf(store, title, to, log) {
  const names = /** @type {const} */ ([
    'ground',
    'ink',
    'ink-2',
    'ink-3',
    'line-2',
    'grid',
    'faint',
    'mark-line',
    'test-fill',
  ]);
  const found = colours(...names);
  const colour = /** @type {Record<typeof names[number], string>} */ (
    Object.fromEntries(names.map((name, index) => [name, found[index]]))
  );
  const family = getComputedStyle(document.body).fontFamily;
  const { history } = store.current;
  const { line, batches, window } = history.curves(BOX.cost.width);
  const shown = (/** @type {Curve} */ { x, y }) => y.filter((_, index) => x[index] <= to);
  const means = shown(line);
  const tests = history.tests.filter(({ iteration }) => iteration <= to);
  const range = yRange(
    [means, ...(batches ? [within(shown(batches), means)] : []), tests.map((test) => test.cost)],
    log,
  );
  const top = xTop(to);
  const scale = scaleTo(top, range, log, BOX.cost.width, BOX.cost.height);
  const { discretise, showTest, dataset, origin } = store.experiment.peek();
  const regression = store.regression.peek();
  const plane = new OffscreenCanvas(1, 1);
  const painter = new PlanePicture(plane);
  painter.restyle({ colours: painterColours(), playing: false, calm: false });
  painter.show({
    width: BOX.plane.width / LINES,
    height: BOX.plane.height / LINES,
    ratio: LINES,
    run: 0,
    unit: null,
    flat: false,
    discrete: discretise,
    line: !regression,
    marked: null,
  });
  const axes = [0, 1].map((index) =>
    dataset === 'own' && origin
      ? ticks(origin.axes[index], PLANE)
      : { at: TICKS, texts: TICKS.map((tick) => fixed(tick, 0)) },
  );

  /**
   * @param {CanvasRenderingContext2D} context
   * @param {string} text
   * @param {number} x
   * @param {number} y
   * @param {{size?: number, fill?: string, bold?: boolean, italic?: boolean, align?: CanvasTextAlign,
   *   base?: CanvasTextBaseline, most?: number}} [manner]
   */
  const write = (
    context,
    text,
    x,
    y,
    {
      size = FONT.small,
      fill = colour['ink-3'],
      bold = false,
      italic = false,
      align = 'left',
      base = 'alphabetic',
      most,
    } = {},
  ) => {
    context.font = `${italic ? 'italic' : 'normal'} ${bold ? 600 : 400} ${size}px ${family}`;
    context.fillStyle = fill;
    context.textAlign = align;
    context.textBaseline = base;
    context.fillText(text, x, y, most);
  };

  /** A title, or as much of it as there is room for. @param {CanvasRenderingContext2D} context @param {string} text */
  const fitting = (context, text) => {
    context.font = `400 ${FONT.text}px ${family}`;
    const share = TITLE.most / context.measureText(text).width;
    return share >= 1 ? text : `${text.slice(0, Math.floor(text.length * share) - 2)}…`;
  };

  /** @param {CanvasRenderingContext2D} context */
  const drawPoints = (context) => {
    const data = store.points.peek();
    if (!data) return;
    const [low, high] = PLANE;
    const { x: left, y: upper, width, height } = BOX.plane;
    const many = data.points.length > MANY_POINTS;
    const radius = many ? 3.5 : 5.5;
    const marks = colours(...MARKS.map((mark) => mark.colour));
    const targets = /** @type {[number, number, number][]} */ (colours(...TARGETS).map(channels));
    const words = ramp(/** @type {Parameters<typeof ramp>[0]} */ (targets));
    const bytes = new Uint8Array(words.buffer);
    const largest = Math.max(Number.MIN_VALUE, ...data.labels.map(Math.abs));
    /** @param {number} label */
    const targetColour = (label) => {
      const at = 4 * Math.round(127.5 * (label / largest + 1));
      return `rgb(${bytes[at]} ${bytes[at + 1]} ${bytes[at + 2]})`;
    };
    /** @param {number} index @param {boolean} held */
    const drawPoint = (index, held) => {
      const label = data.labels[index];
      const mark = MARKS[regression || label > 0 ? 1 : 0];
      const x = left + ((data.points[index][0] - low) / (high - low)) * width;
      const y = upper + ((high - data.points[index][1]) / (high - low)) * height;
      const fill = regression ? targetColour(label) : marks[label > 0 ? 1 : 0];
      const r = radius * mark.scale;
      context.beginPath();
      if (mark.symbol === 'circle') context.arc(x, y, r, 0, 2 * Math.PI);
      else {
        context.moveTo(x, y - r);
        for (const [dx, dy] of [
          [r, 0],
          [0, r],
          [-r, 0],
        ])
          context.lineTo(x + dx, y + dy);
        context.closePath();
      }
      context.fillStyle = held ? colour['test-fill'] : fill;
      context.strokeStyle = held ? fill : colour['mark-line'];
      context.lineWidth = held ? 2 : 1;
      context.fill();
      context.stroke();
    };
    for (const index of data.split.train) drawPoint(index, false);
    if (showTest) for (const index of data.split.test) drawPoint(index, true);
  };

  /** @param {CanvasRenderingContext2D} context */
  const drawAxes = (context) => {
    const [low, high] = PLANE;
    const { x: left, y: upper, width, height } = BOX.plane;
    const [x, y] = axes;
    const within = (/** @type {number} */ place) => place >= low && place <= high;
    x.at.forEach((place, index) => {
      if (!within(place)) return;
      const at = left + ((place - low) / (high - low)) * width;
      write(context, x.texts[index], at, upper + height + 8, { align: 'center', base: 'top' });
    });
    y.at.forEach((place, index) => {
      if (!within(place)) return;
      const at = upper + ((high - place) / (high - low)) * height;
      write(context, y.texts[index], left - 8, at, { align: 'right', base: 'middle', most: left - 12 });
    });
    const named = { size: FONT.text, fill: colour['ink-2'], italic: true };
    write(context, 'x₁', left + width, upper + height + 6, { ...named, align: 'right', base: 'top' });
    write(context, 'x₂', left - 10, upper, { ...named, align: 'right', base: 'top' });
    context.strokeStyle = colour['line-2'];
    context.lineWidth = 1;
    context.strokeRect(left - 0.5, upper - 0.5, width + 1, height + 1);

    const box = BOX.cost;
    for (const { at, text } of yTicks(range, log)) {
      const level = box.y + scale.y(at);
      context.strokeStyle = colour.grid;
      context.beginPath();
      context.moveTo(box.x, level);
      context.lineTo(box.x + box.width, level);
      context.stroke();
      write(context, text, box.x - 8, level, { align: 'right', base: 'middle' });
    }
    for (const tick of xTicks(top))
      write(context, count(tick), box.x + scale.x(tick), box.y + box.height + 8, { align: 'center', base: 'top' });
  };

  /** @param {CanvasRenderingContext2D} context @param {Picture} picture */
  const drawCost = (context, { iteration, run }) => {
    const box = BOX.cost;
    /** @param {number} k @param {number} value @returns {[number, number]} */
    const at = (k, value) => [box.x + scale.x(k), box.y + Math.min(scale.height, Math.max(0, scale.y(value)))];
    /** @param {[number, number][]} points */
    const stroke = (points) => {
      context.beginPath();
      for (const [k, value] of points) context.lineTo(...at(k, value));
      context.stroke();
    };
    /** @param {Curve} curve @returns {[number, number][]} */
    const soFar = ({ x, y }) => x.flatMap((k, index) => (k < iteration ? [[k, y[index]]] : []));
    const end = batches ? history.mean(Math.min(iteration, history.length - 1)) : run.train_cost;
    context.lineJoin = 'round';
    if (batches) {
      context.strokeStyle = colour.faint;
      context.lineWidth = 1.25;
      stroke(soFar(batches));
    }
    context.strokeStyle = colour['ink-2'];
    context.lineWidth = 2;
    context.setLineDash([6, 4]);
    stroke(tests.flatMap((test) => (test.iteration <= iteration ? [[test.iteration, test.cost]] : [])));
    context.setLineDash([]);
    context.strokeStyle = colour.ink;
    context.lineWidth = 2.5;
    stroke([...soFar(line), [iteration, end]]);
    context.beginPath();
    context.arc(...at(iteration, end), 6, 0, 2 * Math.PI);
    context.fillStyle = colour.ink;
    context.fill();
  };

  /** @param {CanvasRenderingContext2D} context */
  const drawKeys = (context) => {
    const { x, y } = BOX.cost;
    /** @type {[text: string, stroke: string, width: number, dash: number[]][]} */
    const keys = [
      [batches ? `train, mean of ${count(window)} batches` : 'train', colour.ink, 2.5, []],
      ...(batches ? [/** @type {[string, string, number, number[]]} */ (['each batch', colour.faint, 1.25, []])] : []),
      ...(tests.length > 0
        ? [/** @type {[string, string, number, number[]]} */ (['test', colour['ink-2'], 2, [6, 4]])]
        : []),
    ];
    write(context, 'Cost', x, y - 20, { size: FONT.text, fill: colour.ink, bold: true });
    let at = x + 64;
    for (const [text, style, width, dash] of keys) {
      context.strokeStyle = style;
      context.lineWidth = width;
      context.setLineDash(dash);
      context.beginPath();
      context.moveTo(at, y - 26);
      context.lineTo(at + 26, y - 26);
      context.stroke();
      context.setLineDash([]);
      write(context, text, at + 34, y - 20, { fill: colour['ink-2'] });
      at += 34 + context.measureText(text).width + 22;
    }
  };

  return {
    /** @param {CanvasRenderingContext2D} context @param {Picture} picture */
    draw(context, picture) {
      context.fillStyle = colour.ground;
      context.fillRect(0, 0, SIZE.width, SIZE.height);
      write(context, fitting(context, title), TITLE.x, TITLE.y, { size: FONT.text, fill: colour['ink-2'] });
      // Each in its place, so that nothing moves while numbers run.
      const large = { size: FONT.large, fill: colour.ink, bold: true };
      write(context, `Iteration ${count(picture.iteration)}`, TITLE.iteration, TITLE.y, large);
      write(context, `J = ${cost(picture.run.train_cost)}`, TITLE.cost, TITLE.y, large);
      const { x, y } = BOX.plane;
      painter.draw(/** @type {Frame} */ (/** @type {unknown} */ ({ runs: [picture.run] })));
      context.drawImage(plane, x, y);
      drawAxes(context);
      drawPoints(context);
      drawKeys(context);
      drawCost(context, picture);
    },
  };
}
