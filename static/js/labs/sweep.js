/**
 * One network from many initialisations at once: how many solve the problem, the fan of their costs, and what they make
 * of the plane on average.
 */

import { html, nothing, render } from '../../vendor/lit-html/lit-html.js';
import { computed, effect, signal } from '../../vendor/signals-core/signals-core.js';
import { sameData, sameRun } from '../experiment/experiment.js';
import { allows } from '../experiment/parts.js';
import { cost, count, counted, percent } from '../format.js';
import { bytesOf } from '../painting/map.js';
import { together } from '../signals.js';
import { palette } from '../theme.js';
import { pointsOver, VIEW_BOX } from '../views/example-marks.js';
import { sizeOf } from '../views/extent.js';
import { paintThumbnail } from '../views/thumbnail.js';
import { Tip } from '../views/tip.js';
import { bindFields } from '../views/value.js';
import { iterationAt, lineChart, placeOf } from './line-chart.js';

/** @typedef {import('../store/state.js').Store} Store */
/** @typedef {import('../experiment/experiment.js').Fields} Fields */
/** @typedef {import('../experiment/experiment.js').Experiment} Experiment */
/** @typedef {import('../types/protocol').Swept} Swept */
/** @typedef {Swept['seeds'][number]} Seed */
/** @typedef {{experiment: Experiment, answer: Swept}} Result */
/** @typedef {{iteration: number, iterations: number}} Progress */
/** @typedef {(id: string) => HTMLElement} Find */
/** @template T @typedef {import('../../vendor/signals-core/signals-core.js').Signal<T>} Signal */

const SEEDS = [1, 2, 4, 8, 16, 32, 64];
const ITERATIONS = [100, 200, 500, 1000, 2000, 5000, 10_000, 20_000];
/** A curve as near to the pointer as this is the one meant (pixels). */
const REACH = 14;
/** The wider and the narrower band, as places in the answer's levels, and the median between. */
const BANDS = [
  [0, 4],
  [1, 3],
];
const MEDIAN = 2;
/** The line in the mean picture, which is 320 pixels wide. */
const STROKE = 3;

/**
 * @param {Store} store
 * @param {Find} find
 * @param {Fields} fields
 * @param {{value: string}} scale of the chart's costs
 * @returns {() => () => void} shows it; what that returns ends it
 */
export function mountSweep(store, find, fields, scale) {
  const progress = signal(/** @type {Progress | null} */ (null));
  const result = signal(/** @type {Result | null} */ (null));
  const chosen = signal(/** @type {number | null} */ (null));
  const said = signal('');
  /** What the sweep under way was asked for: the answer to one that was cancelled may still come. */
  let asked = { seeds: 0, experiment: store.running, history: store.current.history, did: store.begins() };

  bindFields(store, find, fields, {
    sweepSeeds: ['sweep-seeds', SEEDS],
    sweepIterations: ['sweep-iterations', ITERATIONS],
  });

  const start = () => {
    const { sweepSeeds: seeds, sweepIterations: iterations } = store.experiment.peek();
    const { dialogue } = store;
    const hindered = store.obstacle.peek();
    if (hindered || !dialogue.settled || !dialogue.questions.ask({ type: 'sweep', seeds, iterations })) {
      said.value = hindered || 'Not connected: try again in a moment.';
      return;
    }
    asked = { seeds, experiment: store.running, history: store.current.history, did: store.begins() };
    said.value = '';
    progress.value = { iteration: 0, iterations };
    store.announcer.say(`Training ${count(seeds)} initialisations`);
  };
  /** @param {string} why */
  const stop = (why) => {
    if (!progress.peek()) return;
    store.dialogue.questions.ask({ type: 'cancel' });
    progress.value = null;
    said.value = why;
  };
  find('sweep-start').addEventListener('click', () => {
    if (progress.peek()) stop('Cancelled.');
    else start();
  });

  return () =>
    together(
      () => stop(''),
      store.dialogue.questions.listen('sweeping', ({ iteration, iterations }) => {
        if (progress.peek()?.iterations === iterations) progress.value = { iteration, iterations };
      }),
      store.dialogue.questions.listen('swept', (answer) => {
        if (progress.peek()?.iterations !== answer.iterations || answer.seeds.length !== asked.seeds) return;
        progress.value = null;
        chosen.value = answer.seeds[0].seed;
        result.value = { experiment: asked.experiment, answer };
        store.announcer.say(verdict(answer));
        asked.did({ swept: answer.seeds.length });
      }),
      store.dialogue.questions.listen('too_much', ({ detail }) => {
        if (!progress.peek()) return;
        progress.value = null;
        said.value = detail;
      }),
      // The server ends a sweep without a word when its run gives way to another, or the connection is gone.
      effect(() => {
        const isLive = store.dialogue.connection.value === 'live';
        void store.current.experiment.value;
        if (progress.peek() && !isLive) stop('The connection dropped, and the sweep with it. Start it again.');
        else if (progress.peek() && store.current.history !== asked.history)
          stop('The experiment changed, which ended the sweep. Start it again.');
      }),
      showState(progress, said, find),
      showResult(store, result, chosen, find('sweep-result')),
      showFan(result, chosen, scale, find('sweep-chart')),
      showMean(store, result, find('sweep-mean')),
    );
}

/**
 * @param {Signal<Progress | null>} progress
 * @param {{value: string}} said
 * @param {Find} find
 */
function showState(progress, said, find) {
  const bar = /** @type {HTMLProgressElement} */ (find('sweep-progress'));
  return together(
    effect(() => {
      const now = progress.value;
      /** @type {HTMLElement} */ (find('sweep-start').querySelector('.word')).textContent = now ? 'Cancel' : 'Start';
      find('sweep-start').classList.toggle('primary', now === null);
      bar.hidden = now === null;
      if (now) {
        bar.max = now.iterations;
        bar.value = now.iteration;
        bar.textContent = `${count(now.iteration)} of ${count(now.iterations)} iterations`;
      }
    }),
    effect(() => {
      const text = said.value;
      if (find('sweep-said').textContent !== text) find('sweep-said').textContent = text;
    }),
  );
}

/** What counts as solved. @param {Swept['solved']} solved */
const mark = ({ accuracy, cost: least }) =>
  accuracy === null ? `a cost of at most ${least}` : `a training accuracy of at least ${percent(accuracy)}`;

/** @param {Swept} answer */
const verdict = ({ solved, seeds }) =>
  `${count(solved.count)} of ${counted(seeds.length, 'seed')} solved it (${percent(solved.share)})`;

/** @param {Seed} seed */
const outcome = ({ solved, diverged }) => (diverged !== null ? 'diverged' : solved ? 'solved' : 'not solved');

/** @param {Seed} seed */
const words = (seed) =>
  `Seed ${seed.seed}: ${outcome(seed)}${
    seed.diverged === null ? '' : ` at iteration ${count(seed.diverged)}`
  }${seed.cost === null ? '' : `, cost ${cost(seed.cost)}`}${
    seed.train_accuracy === null ? '' : `, train ${percent(seed.train_accuracy)}`
  }${seed.test_accuracy === null ? '' : `, test ${percent(seed.test_accuracy)}`}`;

/**
 * @param {Store} store
 * @param {Signal<Result | null>} result
 * @param {Signal<number | null>} chosen
 * @param {HTMLElement} container
 */
function showResult(store, result, chosen, container) {
  const stop = effect(() => {
    const found = result.value;
    if (!found) {
      render(
        html`<p class="quiet">Some initial weights lead to a solution, others get stuck. Start trains this network from
          many seeds at once, beside your own run, and counts.</p>`,
        container,
      );
      return;
    }
    const { answer, experiment } = found;
    const { seeds, solved, iterations } = answer;
    const gone = seeds.filter(({ diverged }) => diverged !== null).length;
    const picked = seeds.find(({ seed }) => seed === chosen.value);
    const usable = allows(store.experiment.value, 'weights');
    const old = !sameRun(experiment, { ...store.experiment.value, weightSeed: experiment.weightSeed });
    /** @param {Seed} seed */
    const setUp = ({ seed }) => {
      store.change({ weightSeed: seed, parameters: null });
      store.announcer.say(`Set up: seed ${seed}`);
    };
    render(
      html`<p class="verdict"><b>${verdict(answer)}.</b> Solved is ${mark(solved)} after ${count(iterations)}
        iterations.${gone > 0 ? ` ${count(gone)} diverged.` : nothing}${
          old ? html` <span class="quiet">That was before the experiment changed.</span>` : nothing
        }</p>
        <fieldset class="seeds" role="radiogroup" aria-label="Seed"><legend class="vh">Seed</legend>
          ${seeds.map(
            (seed) =>
              html`<label title=${words(seed)}><input class="vh" type="radio" name="sweep-seed"
                .checked=${seed.seed === chosen.value} aria-label=${words(seed)}
                @change=${() => (chosen.value = seed.seed)}><span class="face ${
                  seed.diverged !== null ? 'gone' : seed.solved ? 'solved' : ''
                }"></span></label>`,
          )}
        </fieldset>
        <p class="key" aria-hidden="true"><span class="face solved"></span>solved <span class="face"></span>not solved
          ${gone > 0 ? html`<span class="face gone"></span>diverged` : nothing}</p>
        ${
          picked
            ? html`<p class="picked">${words(picked)}</p><button class="btn small" type="button" ?disabled=${!usable}
              title=${
                usable ? 'Sets this seed up in the main experiment' : 'Locked on this page'
              } @click=${() => setUp(picked)}>Set up seed ${picked.seed}</button>`
            : nothing
        }`,
      container,
    );
  });
  return together(stop, () => render(nothing, container));
}

/** A curve as far as it is finite. @param {number[]} x @param {(number | null)[]} costs */
function finite(x, costs) {
  const known = x.flatMap((iteration, index) =>
    costs[index] === null ? [] : [{ iteration, J: /** @type {number} */ (costs[index]) }],
  );
  return { x: known.map(({ iteration }) => iteration), y: known.map(({ J }) => J) };
}

/**
 * @param {Signal<Result | null>} result
 * @param {Signal<number | null>} chosen
 * @param {{value: string}} scale
 * @param {HTMLElement} plot
 */
function showFan(result, chosen, scale, plot) {
  const area = /** @type {HTMLElement} */ (plot.querySelector('.area'));
  const tip = new Tip(plot);
  const { size, stop: stopSize } = sizeOf(plot);
  /** @type {ReturnType<typeof lineChart> | null} */
  let drawn = null;
  const curves = computed(
    () =>
      result.value?.answer.seeds.map((seed) => ({
        seed,
        ...finite(/** @type {Result} */ (result.value).answer.sampled, seed.costs),
      })) ?? [],
  );

  const stop = effect(() => {
    const { clientWidth: width, clientHeight: height } = plot;
    void size.value;
    if (width === 0 || !result.value) return;
    const { sampled, quantiles, iterations } = result.value.answer;
    const levels = quantiles.costs.map((costs) => finite(sampled, costs));
    const picked = curves.value.find(({ seed }) => seed.seed === chosen.value);
    drawn = lineChart({
      width,
      height,
      iterations,
      log: scale.value === 'log',
      bands: BANDS.map(([low, high], index) => ({
        x: levels[low].x,
        low: levels[low].y,
        high: levels[high].y,
        style: `band-${index}`,
      })),
      lines: [
        ...curves.value.map(({ x, y }) => ({ x, y, style: 'fan' })),
        { ...levels[MEDIAN], style: 'median', name: 'median' },
        ...(picked ? [{ x: picked.x, y: picked.y, style: 'now', name: `seed ${picked.seed.seed}`, bold: true }] : []),
      ],
    });
    render(drawn.picture, area);
  });

  /** The curve under the pointer. @param {PointerEvent | MouseEvent} event */
  const under = ({ clientX, clientY }) => {
    if (!drawn) return null;
    const frame = plot.getBoundingClientRect();
    const iteration = iterationAt(drawn, clientX - frame.left);
    let best = null;
    for (const { seed, x, y } of curves.peek()) {
      const after = x.findIndex((sample) => sample >= iteration);
      if (after < 0) continue;
      const before = Math.max(0, after - 1);
      const share = x[after] > x[before] ? (iteration - x[before]) / (x[after] - x[before]) : 0;
      const there = placeOf(drawn.scale, iteration, y[before] + share * (y[after] - y[before]));
      const distance = Math.abs(there.y - (clientY - frame.top));
      if (distance <= (best?.distance ?? REACH)) best = { seed, distance };
    }
    return best?.seed ?? null;
  };
  const over = new AbortController();
  plot.addEventListener(
    'pointermove',
    (event) => {
      const found = under(event);
      plot.classList.toggle('on-curve', found !== null);
      if (found) tip.show(words(found), event);
      else tip.hide();
    },
    { signal: over.signal },
  );
  plot.addEventListener('pointerleave', () => tip.hide(), { signal: over.signal });
  plot.addEventListener(
    'click',
    (event) => {
      const found = under(event);
      if (found) chosen.value = found.seed;
    },
    { signal: over.signal },
  );
  return together(
    stop,
    () => over.abort(),
    stopSize,
    () => tip.hide(),
    () => render(nothing, area),
  );
}

/** @param {Store} store @param {Signal<Result | null>} result @param {HTMLElement} figure */
function showMean(store, result, figure) {
  const canvas = /** @type {HTMLCanvasElement} */ (figure.querySelector('canvas'));
  const over = /** @type {HTMLElement} */ (figure.querySelector('.over'));
  return together(
    effect(() => {
      const found = result.value;
      void palette.value;
      figure.hidden = !found?.answer.boundary;
      if (!found?.answer.boundary) return;
      const { width, height, values } = found.answer.boundary;
      paintThumbnail(
        canvas,
        { width, height, values: bytesOf(values) },
        found.experiment.problem !== 'regression',
        STROKE,
      );
    }),
    effect(() => {
      over.setAttribute('viewBox', VIEW_BOX);
      const same = result.value !== null && sameData(result.value.experiment, store.experiment.value);
      render(same ? pointsOver(store.points.value, store.experiment.value.showTest) : nothing, over);
    }),
  );
}
