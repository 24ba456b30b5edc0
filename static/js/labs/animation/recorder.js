/**
 * Records a canvas as WebM by the browser's own recorder. It runs in real time: a picture has the moment at which it
 * was taken, so that a slow machine gets fewer pictures, never a longer film.
 */

import { withDuration } from './webm.js';

/** Pictures a second. */
export const RATE = 20;
/** Of which lines and colours are still sharp. */
const BITS_A_SECOND = 2_500_000;
/** The recorder begins, and hands over what it has, within this time or never (milliseconds). */
const PATIENCE = 10_000;

/** The better one first. */
const TYPES = ['video/webm;codecs=vp9', 'video/webm;codecs=vp8', 'video/webm'];

/** What this browser can record; null is nothing of the kind. */
export const recordable = () =>
  typeof MediaRecorder === 'undefined' || !HTMLCanvasElement.prototype.captureStream
    ? null
    : (TYPES.find((type) => MediaRecorder.isTypeSupported(type)) ?? null);

/** No more than so many bytes. @param {number} seconds */
export const mostBytes = (seconds) => (seconds * BITS_A_SECOND) / 8;

/** @param {number} milliseconds @param {AbortSignal} signal throws its reason */
const rest = (milliseconds, signal) =>
  new Promise((resolve, reject) => {
    const stop = () => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', stop);
      resolve(undefined);
    }, milliseconds);
    signal.addEventListener('abort', stop, { once: true });
  });

/** What the recorder promises, if it comes. @param {Promise<unknown>} promise @param {AbortSignal} signal throws its reason */
function soon(promise, signal) {
  const end = AbortSignal.any([signal, AbortSignal.timeout(PATIENCE)]);
  const never = new Promise((_, reject) => {
    end.addEventListener(
      'abort',
      () => reject(signal.aborted ? signal.reason : new Error('The browser’s recorder does not answer.')),
      { once: true },
    );
  });
  return Promise.race([promise, never]);
}

/** Until the page is drawn; a page that is hidden is not. @param {AbortSignal} signal throws its reason */
const drawn = (signal) =>
  new Promise((resolve, reject) => {
    const stop = () => reject(signal.reason);
    if (signal.aborted) return stop();
    signal.addEventListener('abort', stop, { once: true });
    requestAnimationFrame(() => {
      signal.removeEventListener('abort', stop);
      resolve(undefined);
    });
    return undefined;
  });

/**
 * @param {HTMLCanvasElement} canvas
 * @param {string} type from `recordable`
 * @param {number} seconds
 * @param {(share: number) => void} draw of the film's length, from 0 to 1
 * @param {AbortSignal} signal throws its reason
 * @returns {Promise<Blob>}
 */
export async function record(canvas, type, seconds, draw, signal) {
  // A stream begins with what is on the canvas.
  draw(0);
  await drawn(signal);
  await drawn(signal);
  const stream = canvas.captureStream(0);
  const [track] = /** @type {CanvasCaptureMediaStreamTrack[]} */ (stream.getVideoTracks());
  const recorder = new MediaRecorder(stream, { mimeType: type, videoBitsPerSecond: BITS_A_SECOND });
  /** @type {Blob[]} */
  const parts = [];
  recorder.addEventListener('dataavailable', ({ data }) => parts.push(data));
  const over = new Promise((resolve, reject) => {
    recorder.addEventListener('stop', resolve);
    recorder.addEventListener('error', () => reject(new Error('The browser’s recorder has failed.')));
  });
  // It may fail while nobody waits for it yet.
  over.catch(() => {});
  const ready = new Promise((resolve) => recorder.addEventListener('start', resolve));
  try {
    recorder.start();
    // It begins with the first picture; the first time that takes a while, and the page waits with it.
    draw(0);
    track.requestFrame();
    await soon(Promise.race([ready, over]), signal);
    const began = performance.now();
    for (let next = 0; next <= seconds * RATE; next++) {
      const due = began + (1000 * next) / RATE;
      await rest(Math.max(0, due - performance.now()), signal);
      const late = Math.floor(((performance.now() - began) / 1000) * RATE);
      next = Math.max(next, Math.min(late, Math.floor(seconds * RATE)));
      draw(next / RATE / seconds);
      track.requestFrame();
      // It is taken as the page is next drawn, and the next one must not come before.
      await drawn(signal);
    }
    // A busy browser leaves pictures out: the last one, which shows how it ended, is there more than once.
    for (let again = 0; again < 3; again++) {
      draw(1);
      track.requestFrame();
      await drawn(signal);
    }
    await rest(1000 / RATE, signal);
    recorder.stop();
    await soon(over, signal);
  } finally {
    if (recorder.state !== 'inactive') recorder.stop();
    track.stop();
  }
  return withDuration(new Blob(parts, { type: 'video/webm' }), seconds);
}
