/** Check this network: whether a class can train from here, measured by a real session of ten seconds. */

import { unzlibSync } from '../../vendor/fflate/browser.js';
import { html, nothing, render } from '../../vendor/lit-html/lit-html.js';
import { decode } from '../../vendor/msgpack/decode.js';
import { effect, signal } from '../../vendor/signals-core/signals-core.js';
import { ask } from '../asking.js';
import { copy } from '../clipboard.js';
import { serverPath } from '../links.js';
import { dialogWith } from './popups.js';
import { symbol } from './symbols.js';

/** How long frames are counted (milliseconds). */
const LASTS = 10_000;
const PINGS = 5;
const OPENS_WITHIN = 3000;
const ANSWERS_WITHIN = 10_000;
const GOOD_DELAY = 150;
const GOOD_FRAMES = 10;

/** @typedef {{reached: number | null, socket: boolean | null, delay: number | null, frames: number | null}} Found */

/**
 * What has been found, in words. Pure.
 *
 * @param {Found} found
 * @param {boolean} running
 * @returns {{good: boolean, verdict: string, text: string, rows: [what: string, found: string, why: string][]}}
 */
export function told({ reached, socket, delay, frames }, running) {
  const rows = /** @type {[string, string, string][]} */ ([
    [
      'Server',
      reached === null ? (running ? 'asked' : 'not reached') : 'reached',
      reached === null ? '' : `in ${(reached / 1000).toFixed(1)} s`,
    ],
    [
      'Way',
      socket === null ? '' : socket ? 'WebSocket' : 'plain requests',
      socket === null ? '' : socket ? 'the first way' : 'no WebSocket in 3 s, twice',
    ],
    ['Delay', delay === null ? '' : `${Math.round(delay)} ms`, `good below ${GOOD_DELAY} ms`],
    ['Frames', frames === null ? '' : `${Math.round(frames)} a second`, `good above ${GOOD_FRAMES}`],
  ]);
  if (running) return { good: true, verdict: 'Checking', text: 'It takes ten seconds.', rows };
  if (reached === null)
    return {
      good: false,
      verdict: 'The server is not reached',
      text: 'Is this device in the network? Try its browser on another page.',
      rows,
    };
  if (socket === false && frames === null)
    return {
      good: false,
      verdict: 'The stream does not come through',
      text: 'The server is reached, but nothing that trains live. Something on the way holds it up.',
      rows,
    };
  if (socket === false)
    return {
      good: true,
      verdict: 'This network will do, the second way',
      text: 'WebSockets are blocked here. Shallows uses plain requests instead: slower, not different.',
      rows,
    };
  if ((frames !== null && frames < GOOD_FRAMES) || (delay !== null && delay > GOOD_DELAY))
    return {
      good: false,
      verdict: 'This network is slow',
      text: 'A class can train from here, but pictures will be late.',
      rows,
    };
  return { good: true, verdict: 'This network will do', text: 'A class of 30 can train live from here.', rows };
}

/** A round trip in milliseconds; null: there was no answer. @param {AbortSignal} over */
async function trip(over) {
  const began = performance.now();
  const answer = await ask('/healthz', { cache: 'no-store', patience: ANSWERS_WITHIN, signal: over });
  return answer?.ok ? performance.now() - began : null;
}

/**
 * @param {AbortSignal} over
 * @param {new (url: URL) => any} Kind of socket
 * @returns {Promise<{opened: boolean, frames: number | null}>}
 */
function train(over, Kind = WebSocket) {
  return new Promise((resolve) => {
    if (over.aborted) return resolve({ opened: true, frames: null });
    const address = new URL(serverPath('/ws'), location.href);
    address.protocol = address.protocol.replace('http', 'ws');
    const socket = new Kind(address);
    socket.binaryType = 'arraybuffer';
    let frames = 0;
    let began = 0;
    const end = (/** @type {boolean} */ opened) => {
      clearTimeout(timer);
      const seconds = (performance.now() - began) / 1000;
      if (socket.readyState <= WebSocket.OPEN) socket.close(4002);
      resolve({ opened, frames: began > 0 && seconds > 0.5 ? frames / seconds : null });
    };
    let timer = setTimeout(() => end(false), OPENS_WITHIN);
    over.addEventListener('abort', () => end(true));
    socket.addEventListener('open', () => {
      clearTimeout(timer);
      timer = setTimeout(() => end(true), LASTS);
      socket.send(JSON.stringify({ type: 'configure', data: {}, runs: [{}], playing: true }));
    });
    socket.addEventListener('message', (/** @type {MessageEvent} */ { data }) => {
      if (typeof data === 'string') return;
      began ||= performance.now();
      frames++;
      const { frame } = /** @type {import('../types/protocol').Frame} */ (decode(unzlibSync(new Uint8Array(data))));
      socket.send(JSON.stringify({ type: 'ack', frame }));
    });
    socket.addEventListener('close', () => end(socket.readyState === WebSocket.CLOSED && began > 0));
    return undefined;
  });
}

export function checkNetwork() {
  dialogWith('Check this network', '', (body, _, dialog) => {
    const found = signal(/** @type {Found} */ ({ reached: null, socket: null, delay: null, frames: null }));
    const running = signal(false);
    const copied = signal('');
    const over = new AbortController();
    const check = async () => {
      running.value = true;
      copied.value = '';
      found.value = { reached: null, socket: null, delay: null, frames: null };
      const first = await trip(over.signal);
      found.value = { ...found.value, reached: first };
      if (first !== null) {
        /** @type {number[]} */
        const trips = [];
        for (let ping = 0; ping < PINGS; ping++) trips.push((await trip(over.signal)) ?? Infinity);
        found.value = { ...found.value, delay: trips.sort((a, b) => a - b)[Math.floor(PINGS / 2)] };
        let result = await train(over.signal);
        if (!result.opened) result = await train(over.signal);
        found.value = { ...found.value, socket: result.opened, frames: result.frames };
        if (!result.opened) {
          const { PlainSocket } = await import('../plain-socket.js');
          found.value = { ...found.value, frames: (await train(over.signal, PlainSocket)).frames };
        }
      }
      running.value = false;
    };
    void check();
    const stop = effect(() => {
      const { good, verdict, text, rows } = told(found.value, running.value);
      render(
        html`<div class="body"><div class="verdict" role="status">${
          running.value ? html`<span></span>` : symbol(good ? 'check' : 'wave')
        }<b>${verdict}</b><p>${text}</p></div>
          <dl class="checks">${rows.map(
            ([what, is, why]) => html`<div><dt>${what}</dt><dd>${is}</dd><dd>${is ? why : nothing}</dd></div>`,
          )}</dl><p class="cap">Checked for 10 s from this device. A student’s device in the classroom tells more.</p></div>
          <div class="foot"><span class="cap" role="status">${copied.value}</span><button class="btn" type="button"
            ?disabled=${running.value} @click=${async () => {
              const lines = [verdict, ...rows.map((row) => row.filter(Boolean).join(', '))].join('\n');
              copied.value = (await copy(lines, dialog)) ? 'Copied.' : 'This browser does not let the page copy.';
            }}>Copy the result</button><button class="btn" type="button" ?disabled=${running.value}
            @click=${check}>Check again</button></div>`,
        body,
      );
    });
    return () => {
      over.abort();
      stop();
    };
  });
}
