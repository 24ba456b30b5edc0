/**
 * The painter: a thread of its own that hears what the server sends, decodes and paints it, so that the page's own stays
 * free for its reader.
 *
 * Frames are drawn at the screen's pace, the latest one wins, and what goes back or begins another run is drawn at once;
 * each is acknowledged here, once it has been drawn or overtaken: pictures move on however busy the page is. What was
 * drawn at once is acknowledged when the page has shown it, too: what follows would take the cores from that. The page is
 * told of pictures as fast as it can read: it says when it is free for more. Costs and messages leave in the order in
 * which they came.
 *
 * What if the page takes nothing: no more than so many frames wait for it, and no others are acknowledged.
 *
 * While another run is asked for, what still comes of the one before is not drawn any more, for a moment: it would only
 * hold up the first picture of the new one. That it has begun the page hears with that picture, so that it shows both
 * at once.
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
/** @typedef {import('../types/painting').Given} Given */
/** @typedef {import('../types/protocol').Frame} Frame */
/** @typedef {import('../types/protocol').FrameRun} FrameRun */
/** @typedef {import('../types/protocol').ServerError} ServerError */
/** @typedef {import('../types/protocol').ServerMessage} ServerMessage */

/** Under prefers-reduced-motion playing draws at most this often (milliseconds). */
const CALM_INTERVAL = 500;
/** A server that has not answered after so long may take longer: the run there is, is drawn again (milliseconds). */
const MOST_AWAITED = 250;
/** A run's first picture follows its beginning at once; one that does not is not waited for (milliseconds). */
const MOST_HELD = 50;
/** Frames whose costs wait until the page is free: half a second of them and more. */
const MOST_UNTOLD = 40;
/** Messages of ours that a refusal may still speak of: it comes within a round trip. */
const REMEMBERED = 1000;
/** What the page says again has its turn before what is acknowledged (milliseconds). */
const COURTESY = 100;
/** For the last words of a socket, once all is over (milliseconds). */
const FAREWELL = 2000;

/** What the server says when it is asked for another run: it has it, has begun again, or will not. */
const ANSWERS = new Set(['configured', 'state', 'error']);

/** What says which pictures frames shall have begins so. */
const VIEW = '{"type":"view"';

const scope = /** @type {PainterScope} */ (/** @type {unknown} */ (self));

/** Nothing is drawn before the page has told its colours. @type {Pick<Manner, 'playing' | 'calm'> & Partial<Manner>} */
let manner = { playing: false, calm: false };
/** @type {Map<string, PlanePicture>} */
const planes = new Map();
/** @type {NetworkPicture | null} */
let network = null;

/** What is heard. @type {Pick<WebSocket, 'readyState' | 'send' | 'close'> | null} */
let socket = null;
/** The socket that is asked for. */
let asked = 0;
/**
 * Whether units' maps are asked for. A frame that has a plane and none of them was made before the server heard that: it
 * would be seen for a moment only.
 */
let mapped = false;
/** The frame to draw next. @type {Frame | null} */
let latest = null;
/** The frame that is seen. @type {Frame | null} */
let seen = null;
/** Costs of which the page has not been told. @type {FrameCosts[]} */
const untold = [];
/** The last picture of which it has not. @type {Frame | null} */
let untoldPicture = null;
/** How many pictures the screen was given since the page was told, and the last of them. @type {Given | null} */
let given = null;
/** Whether the page has read what it was told last. */
let free = true;
/** The number of the last frame that came, until it is drawn or overtaken. @type {number | null} */
let taken = null;
/** The one to acknowledge next: with it all before it are. @type {number | null} */
let unacknowledged = null;
/** Whether the page has yet to show what was drawn at once. */
let unshown = false;
/** From one that is acknowledged to the next, at least (milliseconds). */
let rest = 0;
/** When the next may be, at the earliest. */
let acknowledgedFrom = -Infinity;
/** @type {ReturnType<typeof setTimeout> | undefined} */
let acknowledging;
/** Messages of this socket, as the server counts them, */
let said = 0;
/** which of them were acknowledgements of ours, @type {number[]} */
const ours = [];
/** and how many were, before those. */
let oursBefore = 0;
let scheduled = false;
/** Whether there is something to draw at the screen's next turn. */
let due = false;
/** The iteration of a picture that the screen is given at its next turn. @type {number | null} */
let ungiven = null;
/** Whether the next frame is the first of its run. */
let begins = true;
/** While another run is asked for: ends the wait for it. @type {ReturnType<typeof setTimeout> | undefined} */
let awaiting;
/** That another run has begun, until its first picture is drawn. @type {ServerMessage | null} */
let beginning = null;
/** @type {ReturnType<typeof setTimeout> | undefined} */
let telling;
/** Draws the edges of a frame that none has followed. @type {ReturnType<typeof setTimeout> | undefined} */
let catchingUp;
let drawn = -Infinity;

/** @type {{[T in ToPainter['type']]: (message: Extract<ToPainter, {type: T}>) => void | Promise<void>}} */
const TAKE = {
  async connect({ id, url, plain, rest: between }) {
    asked = id;
    rest = between;
    socket = null;
    said = oursBefore = 0;
    ours.length = 0;
    taken = unacknowledged = null;
    unshown = false;
    clearTimeout(acknowledging);
    acknowledging = undefined;
    acknowledgedFrom = -Infinity;
    const second = plain ? await import('../plain-socket.js').catch(() => null) : null;
    // Another one may have been asked for meanwhile, or none.
    if (asked !== id) return;
    const here = second ? new second.PlainSocket(url) : new WebSocket(url);
    here.binaryType = 'arraybuffer';
    here.onopen = () => scope.postMessage({ type: 'opened', id });
    here.onclose = (/** @type {CloseEvent} */ { code }) => {
      tell();
      scope.postMessage({ type: 'closed', id, code });
    };
    here.onmessage = (/** @type {MessageEvent} */ { data }) => {
      if (here !== socket) return;
      if (typeof data === 'string') takeText(data);
      else takeFrame(data);
    };
    socket = here;
  },
  expect() {
    clearTimeout(awaiting);
    awaiting = setTimeout(() => {
      goOn();
      tellWhoIsFree();
    }, MOST_AWAITED);
    ask();
  },
  say({ text }) {
    if (text.startsWith(VIEW)) mapped = JSON.parse(text).neurons === true;
    send(text);
  },
  more() {
    free = true;
    tellWhoIsFree();
    acknowledge();
  },
  shown() {
    unshown = false;
    acknowledge();
  },
  hangUp({ code }) {
    asked = 0;
    tell();
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
    // What stands still is read at once.
    if (!manner.playing) tell();
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
  if (ANSWERS.has(message.type)) goOn();
  if (message.type === 'error') asThePageCounts(message);
  const anew = message.type === 'configured' && !message.resumed;
  // What has not been read yet of a run that is no more would only hold up the first picture of the new one.
  if (anew) untoldPicture = null;
  tell();
  if (!anew) {
    scope.postMessage({ type: 'message', message });
    return;
  }
  // What waits to be drawn shows a run that is no more.
  latest = null;
  begins = true;
  beginning = message;
  telling = setTimeout(tellBeginning, MOST_HELD);
}

function tellBeginning() {
  clearTimeout(telling);
  if (beginning) scope.postMessage({ type: 'message', message: beginning });
  beginning = null;
}

/** Tells the page what there is, whether it is free or not. @param {boolean} [atOnce] whether it was drawn so */
function tell(atOnce = false) {
  tellBeginning();
  if (untold.length === 0 && !untoldPicture) return;
  const picture = untoldPicture && told(untoldPicture);
  scope.postMessage({ type: 'drawn', costs: untold.splice(0), picture, given, atOnce });
  untoldPicture = given = null;
  free = false;
}

/** Costs alone wait for their picture, as long as they may; and who waits for another run reads nothing of this one. */
function tellWhoIsFree() {
  if (free && awaiting === undefined && (untoldPicture || untold.length >= MOST_UNTOLD)) tell();
}

/** @param {string} text */
function send(text) {
  if (socket?.readyState !== WebSocket.OPEN) return;
  said++;
  socket.send(text);
}

/** When it may be, and if the page is not too far behind: then once it is told. */
function acknowledge() {
  if (unacknowledged === null || unshown || acknowledging !== undefined || untold.length >= MOST_UNTOLD) return;
  const wait = acknowledgedFrom - performance.now();
  if (wait > 0) {
    acknowledging = setTimeout(() => {
      acknowledging = undefined;
      acknowledge();
    }, wait);
    return;
  }
  acknowledgedFrom = performance.now() + rest;
  send(JSON.stringify({ type: 'ack', frame: unacknowledged }));
  unacknowledged = null;
  ours.push(said);
  if (ours.length > REMEMBERED) oursBefore += ours.splice(0, 1).length;
}

/**
 * The server counts the page's messages and ours. Where it refuses one that came too fast, the page's are said again
 * first: the frames that ours ask for would leave no room for them.
 *
 * @param {ServerError} error
 */
function asThePageCounts(error) {
  const { message: number, code, retry_after: seconds = 0 } = error;
  if (code === 'too_fast') acknowledgedFrom = performance.now() + 1000 * seconds + COURTESY;
  if (number === undefined) return;
  const before = ours.filter((one) => one < number).length;
  error.message = ours.includes(number) ? undefined : number - oursBefore - before;
}

/** The wait for another run is over: the next turn draws what is due. */
function goOn() {
  clearTimeout(awaiting);
  awaiting = undefined;
}

/** @param {ArrayBuffer} bytes */
function takeFrame(bytes) {
  const frame = /** @type {Frame} */ (decode(unzlibSync(new Uint8Array(bytes))));
  restorePictures(frame);
  untold.push({
    iteration: frame.iteration,
    runs: frame.runs.map(({ first_iteration, costs, test_cost }) => ({
      first_iteration,
      costs: costs.slice(),
      test_cost,
    })),
  });
  taken = frame.frame;
  if (mapped && frame.runs.some(({ boundary, neurons }) => boundary && !neurons)) return schedule();
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
  ask();
}

/** For the screen's next turn. */
function ask() {
  if (scheduled) return;
  scheduled = true;
  const wait = isCalm() ? drawn + CALM_INTERVAL - performance.now() : 0;
  if (wait > 0) setTimeout(() => scope.requestAnimationFrame(atTurn), wait);
  else scope.requestAnimationFrame(atTurn);
}

/**
 * The screen's turn: it is given what is drawn. Who waits for another run keeps asking for turns, so that its first
 * picture has the very next.
 */
function atTurn() {
  scheduled = false;
  if (ungiven !== null) scope.postMessage({ type: 'given', given: givenNow(ungiven, performance.now()) });
  ungiven = null;
  if (awaiting !== undefined) ask();
  else if (due) paint(true);
}

/** @param {number} iteration @param {number} now @param {number} [before] @returns {Given} */
const givenNow = (iteration, now, before = 0) => ({
  iteration,
  at: performance.timeOrigin + now,
  pictures: before + 1,
});

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
  if (frame) {
    untoldPicture = frame;
    if (turn) given = givenNow(frame.iteration, drawn, given?.pictures);
    else ungiven = frame.iteration;
  }
  unacknowledged = taken ?? unacknowledged;
  taken = null;
  // What begins or goes back, and what stands still, is read at once.
  const atOnce = frame !== null && !turn;
  unshown ||= atOnce;
  if (free || atOnce || !manner.playing) tell(atOnce);
  acknowledge();
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
