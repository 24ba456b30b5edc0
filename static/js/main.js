/** Wires store, stream, address and views. Imports everything, is imported by nothing. */

import { computed, effect, signal } from '../vendor/signals-core/signals-core.js';
import { addressesBeside, fromHash } from './experiment/address.js';
import { defaultsOf, fieldsOf, PLANE, sameRun, TERMS } from './experiment/experiment.js';
import { readSaved } from './experiment/saved.js';
import { loadPlotly } from './plotly.js';
import { KeptRuns } from './store/kept-runs.js';
import { Store } from './store/state.js';
import { guest, Stream } from './stream/stream.js';
import { survivesTranslation } from './translation.js';
import { mountActivation } from './views/activation.js';
import { mountAddress } from './views/address-bar.js';
import { mountBoundary } from './views/boundary.js';
import { mountClassroom } from './views/classroom.js';
import { mountCode } from './views/code.js';
import { mountCost } from './views/cost.js';
import { mountData } from './views/data.js';
import { mountDrawer, panelNames, whenFirstOpen } from './views/drawer.js';
import { mountFeatures } from './views/features.js';
import { mountHelp } from './views/help.js';
import { mountImages } from './views/images.js';
import { mountInWords } from './views/in-words.js';
import { mountKeyboard } from './views/keyboard.js';
import { fetchLater, unlessNewer } from './views/later.js';
import { mountLessons } from './views/lessons.js';
import { mountNetwork } from './views/network.js';
import { mountNewer } from './views/newer.js';
import { mountNotices } from './views/notices.js';
import { mountOwnPoints } from './views/own-points.js';
import { mountParameter } from './views/parameter.js';
import { mountPresets } from './views/presets.js';
import { mountPrinting } from './views/printing.js';
import { mountReduced } from './views/reduced.js';
import { mountResults } from './views/results.js';
import { mountRuns } from './views/runs.js';
import { mountSave } from './views/save.js';
import { mountShare } from './views/share.js';
import { mountSkips } from './views/skips.js';
import { mountStandstill } from './views/standstill.js';
import { mountSurface } from './views/surface.js';
import { mountTimeline } from './views/timeline.js';
import { mountTraining } from './views/training.js';
import { mountTransport } from './views/transport.js';
import { mountWaiting } from './views/waiting.js';

/** Panels whose modules come when they are first opened. */
const LABS = {
  activations: () => import('./labs/activations.js'),
  compare: () => import('./labs/compare.js'),
  microscope: () => import('./labs/microscope/panel.js'),
  timing: () => import('./labs/timing.js'),
};

/** @param {string} id */
function find(id) {
  const element = document.getElementById(id);
  if (!element) throw new Error(`the page has no #${id}`);
  return element;
}

survivesTranslation();
/** @type {import('./types/protocol').Catalogue} */
const catalogue = JSON.parse(find('catalogue').textContent ?? '');
const fields = fieldsOf(catalogue, panelNames(find));
const defaults = defaultsOf(catalogue);

const saved = readSaved(catalogue, defaults, fields);
const addressOf = addressesBeside(saved, defaults, fields);
const start = fromHash(location.hash, saved?.experiment ?? defaults, fields);
/** @type {typeof TERMS} */
const terms = {
  ...TERMS,
  configure: (experiment, weights) => ({
    ...TERMS.configure(experiment, weights),
    ...(!weights && guest.peek()?.mark(experiment)),
  }),
};
const stream = new Stream(terms, {
  saved: saved?.experiment && sameRun(start.experiment, saved.experiment) ? saved.id : null,
});
const { painter } = stream;
const runs = new KeptRuns(catalogue);
const store = new Store(start.experiment, catalogue, stream.dialogue, runs);
const mistakes = computed(() => store.experiment.value.mistakes);
/** The hidden unit that fills the plane. */
const filling = computed(() => {
  const unit = store.attention.lookedAt.value;
  return unit && unit.layer > 0 && unit.layer < store.layerSizes.value.length - 1 ? unit : null;
});
effect(() =>
  stream.look({
    x: PLANE,
    y: PLANE,
    neurons: true,
    neuron_resolution: 32,
    encoding: 'differences',
    lines: true,
    ...(filling.value && { line_of: { layer: filling.value.layer, unit: filling.value.unit } }),
    ...(mistakes.value && { misclassified: true }),
    ...(store.diagnosed.value && { diagnostics: true }),
  }),
);
effect(() => {
  if (stream.blind.value)
    void unlessNewer(() =>
      store.complain('What draws this page could not be fetched.', {
        label: 'Reload',
        accept: () => location.reload(),
      }),
    );
});
mountClassroom(
  store,
  find('class'),
  () =>
    import('./classroom/main-page.js').then(({ mount }) =>
      mount({ store, stream, fields, defaults, catalogue }, find('class')),
    ),
  () => stream.open(store),
);

/** @type {import('../vendor/signals-core/signals-core.js').Signal<import('./types/plotly').PlotlyApi | null>} */
const plotly = signal(/** @type {import('./types/plotly').PlotlyApi | null} */ (null));
mountTransport(store, find, fields, stream);
mountActivation(store, find);
mountData(store, find, catalogue, fields);
mountFeatures(store, find, catalogue);
mountTraining(store, find, catalogue, fields);
const openParameter = mountParameter(store, find);
mountNetwork(store, find, catalogue, fields, painter, openParameter);
mountBoundary(store, find, plotly, painter);
mountCost(store, find, catalogue, plotly);
mountStandstill(store, find);
mountDrawer(store, find);
mountResults(store, find);
mountCode(store, find, catalogue, openParameter);
for (const [panel, get] of Object.entries(LABS)) whenFirstOpen(store, find, panel, get, { fields, catalogue });
mountHelp();
mountTimeline(
  store,
  find,
  () => import('./labs/animation/animation.js'),
  (animation) => animation.mount(store, find, catalogue, defaults),
);
mountRuns(store, find, catalogue, defaults, runs);
mountSurface(store, find);
mountPresets(store, find, catalogue);
mountLessons(
  store,
  find,
  fields,
  defaults,
  () => import('./lessons/start.js'),
  (lessons, mine) => lessons.mount(store, find, catalogue, defaults, mine),
);
mountOwnPoints(store, find);
mountInWords(store, find);
mountPrinting(store, find, catalogue);
mountSkips(store, find);
mountImages(store, find, catalogue, defaults, plotly, painter);
mountShare(store, find, fields, addressOf);
mountSave(store, find, fields, defaults);
mountNotices(store, find);
mountWaiting(store, find, stream);
mountNewer(find);
mountKeyboard(store, find);
mountReduced(store, find, addressOf);

mountAddress(store, fields, defaults, saved, addressOf, start.problems);

/** Plotly comes after the first picture, so that nothing waits for it. */
const stop = effect(() => {
  if (!store.current.drawn.value && !store.current.aside.value) return;
  queueMicrotask(() => stop());
  void drawPlots();
});

async function drawPlots() {
  plotly.value = await fetchLater(
    store,
    'What draws axes and curves',
    () => loadPlotly(/** @type {string} */ (document.body.dataset.plotly)),
    drawPlots,
  );
}
