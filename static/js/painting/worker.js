/**
 * The painter: a thread of its own that hears what the server sends, decodes and paints it, so that the page's own stays
 * free for its reader.
 *
 * Frames are drawn at the screen's pace, the latest one wins, and what goes back or begins another run is drawn at once;
 * each is acknowledged once it has been drawn or overtaken, by the page: so the server sends no more than the page's own
 * thread can take. Costs and messages leave in the order in which they came.
 *
 * All canvases are drawn in one task, of one frame, so that the browser is given them together. Edges alone may be of an
 * earlier one while frame follows frame, and catch up with the last.
 */

import { unzlibSync } from '../../vendor/fflate/browser.js';
import { decode } from '../../vendor/msgpack/decode.js';
import { EDGES_INTERVAL, NetworkPicture } from './network-picture.js';
import { restorePictures } from './pictures.js';
import { PlanePicture } from './plane-picture.js';

/** @typedef {import('../types/painting').Manner} Manner */
/** @typedef {import('../types/painting').PainterScope} PainterScope */
/** @typedef {import('../types/painting').ToPainter} ToPainter */
/** @typedef {import('../types/painting').FrameCosts} FrameCosts */
/** @typedef {import('../types/protocol').Frame} Frame */
/** @typedef {import('../types/protocol').FrameRun} FrameRun */

/** Under prefers-reduced-motion playing draws at most this often (milliseconds). */
const CALM_INTERVAL = 500;
/** For the last words of a socket, once all is over (milliseconds). */
const FAREWELL = 2000;

const scope = /** @type {PainterScope} */ (/** @type {unknown} */ (self));

/** Nothing is drawn before the page has told its colours. @type {Pick<Manner, 'playing' | 'calm'> & Partial<Manner>} */
let manner = { playing: false, calm: false };
/** @type {Map<string, PlanePicture>} */
const planes = new Map();
/** @type {NetworkPicture | null} */
let network = null;

/** What is heard. @type {WebSocket | null} */
let socket = null;
/** The frame to draw next. @type {Frame | null} */
let latest = null;
/** The frame that is seen. @type {Frame | null} */
let seen = null;
/** @type {FrameCosts[]} */
const unsent = [];
/** @type {number[]} */
const unacknowledged = [];
let scheduled = false;
/** Whether there is something to draw at the screen's next turn. */
let due = false;
/** The iteration of a picture that the screen is given at its next turn. @type {number | null} */
let ungiven = null;
/** Whether the next frame is the first of its run. */
let begins = true;
/** Draws the edges of a frame that none has followed. @type {ReturnType<typeof setTimeout> | undefined} */
let catchingUp;
let drawn = -Infinity;

/** @type {{[T in ToPainter['type']]: (message: Extract<ToPainter, {type: T}>) => void}} */
const TAKE = {
  connect({ id, url }) {
    const here = new WebSocket(url);
    here.binaryType = 'arraybuffer';
    here.onopen = () => scope.postMessage({ type: 'opened', id });
    here.onclose = ({ code }) => scope.postMessage({ type: 'closed', id, code });
    here.onmessage = ({ data }) => {
      if (here !== socket) return;
      if (typeof data === 'string') takeText(data);
      else takeFrame(data);
    };
    socket = here;
  },
  say({ text }) {
    if (socket?.readyState === WebSocket.OPEN) socket.send(text);
  },
  hangUp({ code }) {
    socket?.close(code);
    socket = null;
  },
  end() {
    setTimeout(() => scope.close(), FAREWELL);
  },
  canvas({ name, canvas }) {
    const picture = name === 'network' ? new NetworkPicture(canvas) : new PlanePicture(canvas);
    if (picture instanceof PlanePicture) planes.set(name, picture);
    else network = picture;
    restyle(picture);
  },
  plane({ name, scene }) {
    planes.get(name)?.show(scene);
    schedule();
  },
  network({ scene }) {
    network?.show(scene);
    schedule();
  },
  emphasis({ emphasis }) {
    network?.emphasise(emphasis);
    schedule();
  },
  snapshot({ id, scene, colours }) {
    const canvas = new OffscreenCanvas(1, 1);
    const picture = new NetworkPicture(canvas);
    picture.show(scene);
    picture.restyle({ ...manner, colours, playing: false });
    if (seen) picture.draw(seen, 0);
    const bitmap = canvas.transferToImageBitmap();
    scope.postMessage({ type: 'snapshot', id, snapshot: { bitmap, of: seen && told(seen) } }, [bitmap]);
  },
  manner({ manner: changes }) {
    manner = { ...manner, ...changes };
    for (const picture of [...planes.values(), network]) restyle(picture);
    schedule();
  },
};

/** @param {PlanePicture | NetworkPicture | null} picture */
function restyle(picture) {
  const { colours } = manner;
  if (colours) picture?.restyle({ ...manner, colours });
}

/** @param {string} text */
function takeText(text) {
  const message = JSON.parse(text);
  // What waits to be drawn shows a run that is no more.
  if (message.type === 'configured' && !message.resumed) {
    latest = null;
    begins = true;
  }
  if (unsent.length > 0) scope.postMessage({ type: 'costs', costs: unsent.splice(0) });
  scope.postMessage({ type: 'message', message });
}

/** @param {ArrayBuffer} bytes */
function takeFrame(bytes) {
  const frame = /** @type {Frame} */ (decode(unzlibSync(new Uint8Array(bytes))));
  restorePictures(frame);
  unsent.push({
    iteration: frame.iteration,
    runs: frame.runs.map(({ first_iteration, costs, test_cost }) => ({
      first_iteration,
      costs: costs.slice(),
      test_cost,
    })),
  });
  unacknowledged.push(frame.frame);
  latest = frame;
  // What does not follow on what is seen, a reader waits for. The screen takes the picture at its next turn all the same,
  // but the page has its numbers before that, and shows both together.
  const leaps = begins || frame.iteration < (seen?.iteration ?? 0);
  begins = false;
  schedule();
  if (leaps && !isCalm()) paint();
}

scope.onmessage = ({ data }) => /** @type {(message: ToPainter) => void} */ (TAKE[data.type])(data);

const isCalm = () => manner.calm && manner.playing;

function schedule() {
  due = true;
  if (scheduled) return;
  scheduled = true;
  const wait = isCalm() ? drawn + CALM_INTERVAL - performance.now() : 0;
  if (wait > 0) setTimeout(() => scope.requestAnimationFrame(atTurn), wait);
  else scope.requestAnimationFrame(atTurn);
}

/** The screen's turn: it is given what is drawn. */
function atTurn() {
  scheduled = false;
  if (ungiven !== null) scope.postMessage({ type: 'given', iteration: ungiven, at: timeOf(performance.now()) });
  ungiven = null;
  if (due) paint(true);
}

/** @param {number} now */
const timeOf = (now) => performance.timeOrigin + now;

/** @param {boolean} [turn] whether it is the screen's */
function paint(turn = false) {
  due = false;
  drawn = performance.now();
  const frame = latest;
  latest = null;
  seen = frame ?? seen;
  if (seen) {
    for (const plane of planes.values()) plane.draw(seen);
    clearTimeout(catchingUp);
    if (network?.draw(seen, drawn)) catchingUp = setTimeout(schedule, EDGES_INTERVAL);
  }
  if (unacknowledged.length === 0) return;
  const picture = frame && told(frame);
  if (frame && !turn) ungiven = frame.iteration;
  scope.postMessage({
    type: 'drawn',
    costs: unsent.splice(0),
    picture,
    frames: unacknowledged.splice(0),
    at: turn ? timeOf(drawn) : null,
  });
}

/** What the page is told of a frame. @param {Frame} frame */
const told = ({ iteration, runs }) => ({ iteration, runs: runs.map(numbers) });

/**
 * A run without its units' maps and lines but for their scales, and with a copy of the plane: what is posted takes its whole
 * buffer along.
 *
 * @param {FrameRun} run
 * @returns {FrameRun}
 */
function numbers({ neurons, boundary, costs: _, misclassified, lines: __, ...rest }) {
  return {
    ...rest,
    costs: new Uint8Array(),
    ...(misclassified && { misclassified: misclassified.slice() }),
    ...(neurons && { neurons: neurons.map(({ shares: _, ...maps }) => ({ ...maps, values: new Uint8Array() })) }),
    ...(boundary && {
      boundary: { ...boundary, values: boundary.values.slice(), shares: boundary.shares?.slice() },
    }),
  };
}
