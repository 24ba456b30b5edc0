/** Wires store, connection, address and views. Imports everything, is imported by nothing. */

import { effect, signal } from '../vendor/signals-core/signals-core.js';
import { fromHash, toHash } from './address.js';
import { Connection } from './connection.js';
import { PLANE, defaultsOf, fieldsOf, sameRun } from './experiment.js';
import { refreshHeat } from './heat.js';
import { Painter } from './painter.js';
import { loadPlotly } from './plotly.js';
import { Store } from './state.js';
import { isDark } from './theme.js';
import { mountActivation } from './views/activation.js';
import { mountBoundary } from './views/boundary.js';
import { mountCost } from './views/cost.js';
import { mountData } from './views/data.js';
import { mountKeyboard } from './views/keyboard.js';
import { mountNetwork } from './views/network.js';
import { mountNotices } from './views/notices.js';
import { mountTransport } from './views/transport.js';

/** Changes that come as fast as this are one entry in the browser's history (milliseconds). */
const ONE_CHANGE = 1000;

/** @param {string} id */
function find(id) {
  const element = document.getElementById(id);
  if (!element) throw new Error(`the page has no #${id}`);
  return element;
}

/** @type {import('./types/protocol').Catalogue} */
const catalogue = JSON.parse(find('catalogue').textContent ?? '');
const fields = fieldsOf(catalogue);
const defaults = defaultsOf(catalogue);

const start = fromHash(location.hash, defaults, fields);
const store = new Store(start.experiment, (message) => connection.send(message));
const painter = new Painter({
  draw: (frame) => store.show(frame),
  acknowledge: (frame) => connection.send({ type: 'ack', frame }),
  playing: () => store.playing.peek(),
});
const address = new URL('/ws', location.href);
address.protocol = address.protocol.replace('http', 'ws');
address.hash = '';
const connection = new Connection(address, {
  query: () => store.query(),
  opened: () => {
    connection.send({ type: 'view', x: PLANE, y: PLANE, neurons: true, neuron_resolution: 32, encoding: 'differences' });
    store.opened();
  },
  closed: () => store.closed(),
  takenOver: () => store.takenOver(),
  message: (message) => {
    if (message.type === 'configured' && !message.resumed) painter.discard();
    store.receive(message);
  },
  frame: (frame) => {
    store.receiveCosts(frame);
    painter.offer(frame);
  },
  expecting: () => store.expecting(),
});
connection.open();

effect(() => {
  void isDark.value;
  refreshHeat();
});

/** @type {import('../vendor/signals-core/signals-core.js').Signal<import('./types/plotly').PlotlyApi | null>} */
const plotly = signal(/** @type {import('./types/plotly').PlotlyApi | null} */ (null));
mountTransport(store, fields, find);
mountActivation(store, fields, find);
mountData(store, fields, catalogue, find);
mountNetwork(store, fields, catalogue, find);
mountBoundary(store, find('boundary'), plotly);
mountCost(store, catalogue, find, plotly);
mountNotices(store, find);
mountKeyboard(store);

mountAddress();
complain(start.problems);

/** Plotly's 5 MB come after the first picture, so that nothing waits for them. */
const stop = effect(() => {
  if (!store.picture.value) return;
  queueMicrotask(() => stop());
  loadPlotly(/** @type {string} */ (document.body.dataset.plotly)).then((api) => {
    plotly.value = api;
  });
});

/** The experiment into the address, and back when the reader goes back or edits it. */
function mountAddress() {
  let before = store.experiment.peek();
  let changed = -Infinity;
  effect(() => {
    const now = store.experiment.value;
    const hash = toHash(now, defaults, fields);
    if (hash !== location.hash) {
      const entry = !sameRun(before, now) && performance.now() - changed > ONE_CHANGE;
      history[entry ? 'pushState' : 'replaceState'](null, '', hash || location.pathname + location.search);
      changed = performance.now();
    }
    before = now;
  });
  addEventListener('hashchange', () => {
    const { experiment, problems } = fromHash(location.hash, defaults, fields);
    before = experiment;
    changed = performance.now();
    store.change(experiment);
    complain(problems);
  });
}

/** @param {string[]} problems of the address */
function complain(problems) {
  if (problems.length > 0) store.notice.value = { kind: 'problem', text: `Part of this link could not be used. ${problems.join(' ')}` };
}
