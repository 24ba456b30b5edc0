/**
 * Networks that differ in one thing, trained in lockstep in a session of their own: what each makes of the plane, its
 * cost, and when it got how far.
 */

import { ref } from '../../vendor/lit-html/directives/ref.js';
import { repeat } from '../../vendor/lit-html/directives/repeat.js';
import { html, nothing, render } from '../../vendor/lit-html/lit-html.js';
import { computed, effect, signal } from '../../vendor/signals-core/signals-core.js';
import { MAX_RUNS, MAX_SESSION_ITERATIONS } from '../experiment/bounds.js';
import { checkedValues, FEWEST, hindrance } from '../experiment/comparison.js';
import { changed, runSpec } from '../experiment/experiment.js';
import { FieldError } from '../experiment/field.js';
import { allows } from '../experiment/parts.js';
import { cost, count, percent } from '../format.js';
import { operator, variable } from '../notation.js';
import { pixelRatio } from '../painting/painter.js';
import { together } from '../signals.js';
import { within } from '../views/cost-scale.js';
import { pointsOver, VIEW_BOX } from '../views/example-marks.js';
import { sizeOf } from '../views/extent.js';
import { icon } from '../views/icon.js';
import { markKey } from '../views/keyboard.js';
import { Tip } from '../views/tip.js';
import { stopsBetween, stopsEvery, WAYS } from '../views/value.js';
import { showWaiting } from '../views/waiting.js';
import { iterationAt, lineChart, placeOf, sampleOf } from './line-chart.js';
import { Reached, thresholdsOf } from './reached.js';
import { LabSession } from './session.js';

/** @typedef {import('../store/state.js').Store} Store */
/** @typedef {import('../experiment/experiment.js').Experiment} Experiment */
/** @typedef {import('../experiment/experiment.js').Fields} Fields */
/** @typedef {import('../experiment/comparison.js').Factor} Factor */
/** @typedef {import('../experiment/comparison.js').Value} Value */
/** @typedef {import('../types/protocol').Catalogue} Catalogue */
/** @typedef {import('../store/history.js').History} History */
/** @typedef {import('./session.js').Plan} Plan */
/** @typedef {(id: string) => HTMLElement} Find */

/** What is dragged, the lab follows once it rests (milliseconds). */
const REST = 250;
/** Columns of pixels to one point of a curve. */
const COARSE = 2;
/** The share of a button that is seen when the button is. */
const SEEN = 0.5;
/** The threshold under each picture: its place in the table's. */
const SHOWN_THRESHOLD = 1;

/** What a number that is added may be, in the order in which it is tried. @type {Record<string, number[]>} */
const NEXT = {
  scale: stopsBetween(0.001, 10),
  seed: stopsEvery(0, 64, 1),
  rate: stopsBetween(0.001, 100),
  units: [1, 2, 4, 8, 16, ...stopsEvery(1, 16, 1)],
};

/** @param {readonly Experiment[]} experiments @returns {Plan} */
function planOf(experiments) {
  const most = Math.floor(MAX_SESSION_ITERATIONS / experiments.length);
  const specs = experiments.map(runSpec);
  const { data } = specs[0];
  const runs = specs.map(({ network, training }) => ({
    network,
    training: { ...training, iterations: Math.min(most, training.iterations ?? most) },
  }));
  return { data, runs, key: JSON.stringify([data, runs]) };
}

/**
 * @param {Store} store
 * @param {Find} find
 * @param {Catalogue} catalogue
 * @param {Fields} fields
 * @param {{value: string}} scale of the chart's costs
 * @returns {() => void} ends it
 */
export function showNetworks(store, find, catalogue, fields, scale) {
  const { factors } = fields.comparison;
  const session = new LabSession();
  /** The reader begins to compare. */
  const begins = () => {
    const did = store.begins();
    return (/** @type {number} */ compared) => did({ compared });
  };
  const said = signal('');
  const factor = computed(
    () => /** @type {Factor} */ (factors.find(({ name }) => name === store.experiment.value.comparison.by)),
  );
  const values = computed(() => store.experiment.value.comparison.values);
  const plan = computed(() =>
    planOf(
      values.value.map((value) =>
        changed(store.experiment.value, factor.value.set(store.experiment.value, value), catalogue),
      ),
    ),
  );
  const obstacle = computed(() => store.obstacle.value || hindrance(factor.value, store.experiment.value));
  /** Whether what is shown is what is set up. */
  const settled = computed(() => session.running.value?.key === plan.value.key);
  /** Whether it can be trained just now. */
  const ready = computed(() => session.dialogue.connection.value === 'live' && settled.value && obstacle.value === '');

  /** @param {() => Value[]} wanted throws FieldError */
  const compare = (wanted) => {
    try {
      store.change({ comparison: { by: factor.peek().name, values: checkedValues(factor.peek(), wanted()) } });
      said.value = '';
    } catch (error) {
      if (!(error instanceof FieldError)) throw error;
      said.value = error.message;
    }
  };
  const commands = {
    /** @param {number} index @param {string} text */
    change(index, text) {
      compare(() => values.peek().with(index, factor.peek().field.read(text)));
    },
    /** @param {number} index */
    remove(index) {
      compare(() => values.peek().toSpliced(index, 1));
      const removes = /** @type {HTMLButtonElement[]} */ ([...find('networks').querySelectorAll('.remove')]);
      const next = removes[Math.min(index, removes.length - 1)];
      (next.disabled ? find('compare-add') : next).focus();
    },
    add() {
      const now = values.peek();
      const { name, options } = factor.peek();
      const candidates = options ? options.map((option) => option.name) : NEXT[name];
      const largest = Math.max(...now.map(Number));
      const next =
        candidates.find((value) => Number(value) > largest) ?? candidates.find((value) => !now.includes(value));
      if (next !== undefined) compare(() => [...now, next]);
    },
    toggle() {
      if (session.dialogue.playing.peek()) session.pause();
      else session.play(begins());
    },
    step: () => session.step(begins()),
    /** @param {Value} value */
    take(value) {
      store.change(factor.peek().set(store.experiment.peek(), value));
      store.announcer.say(`Set up: ${factor.peek().say(value)}`);
    },
  };

  const { size, stop: stopSize } = sizeOf(find('networks'), find('compare-chart'));
  const context = { store, session, factor, values, settled, ready, commands, size };
  return together(
    // The page's own session comes first, where places are few.
    effect(() => {
      if (store.dialogue.session.value !== null) session.open();
    }),
    follow(session, plan, obstacle, store, begins),
    showControls(context, factors, obstacle, said, find),
    takeKeys(context, find('compare-play')),
    showWaiting(session.stream, WHY_NOT, {
      container: find('compare-waiting'),
      announcer: store.announcer,
      next: find('compare-play'),
    }),
    showCards(context, find('networks')),
    showChart(context, scale, find('compare-chart')),
    showTable(context, find('compare-table')),
    stopSize,
    () => session.close(),
  );
}

/**
 * @typedef {object} Context
 * @property {Store} store
 * @property {LabSession} session
 * @property {{value: Factor, peek: () => Factor}} factor
 * @property {{value: readonly Value[], peek: () => readonly Value[]}} values
 * @property {{value: boolean, peek: () => boolean}} settled
 * @property {{value: boolean, peek: () => boolean}} ready
 * @property {{change: (index: number, text: string) => void, remove: (index: number) => void, add: () => void, take:
 *   (value: Value) => void, toggle: () => void, step: () => void}} commands
 * @property {{value: string}} size
 */

/**
 * What is set up on the page is what the lab compares.
 *
 * @param {LabSession} session
 * @param {{value: Plan}} plan
 * @param {{value: string}} obstacle
 * @param {Store} store
 * @param {() => (compared: number) => void} begins
 */
function follow(session, plan, obstacle, store, begins) {
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let resting;
  let first = true;
  return together(
    effect(() => {
      const wanted = plan.value;
      const hindered = obstacle.value !== '';
      clearTimeout(resting);
      // A lesson's step that sets this up begins right after: it is none of what it asks for.
      const trained = begins();
      if (hindered) session.pause();
      else resting = setTimeout(() => session.configure(wanted, trained), first ? 0 : REST);
      first = false;
    }),
    effect(() => {
      session.speed = store.experiment.value.iterationsPerFrame;
    }),
    () => clearTimeout(resting),
  );
}

/**
 * @param {Context} context
 * @param {readonly Factor[]} factors
 * @param {{value: string}} obstacle
 * @param {{value: string}} said
 * @param {Find} find
 */
function showControls({ store, session, factor, values, ready, commands }, factors, obstacle, said, find) {
  const by = /** @type {HTMLSelectElement} */ (find('compare-by'));
  const [reset, play, step, add] = ['compare-reset', 'compare-play', 'compare-step', 'compare-add'].map(
    (id) => /** @type {HTMLButtonElement} */ (find(id)),
  );
  render(
    factors.map(({ name, label }) => html`<option value=${name}>${label}</option>`),
    by,
  );
  const over = new AbortController();
  const { signal: until } = over;
  by.addEventListener(
    'change',
    () => {
      said.value = '';
      const chosen = /** @type {Factor} */ (factors.find(({ name }) => name === by.value));
      store.change({ comparison: { by: chosen.name, values: chosen.values } });
    },
    { signal: until },
  );
  play.addEventListener('click', commands.toggle, { signal: until });
  step.addEventListener('click', commands.step, { signal: until });
  reset.addEventListener('click', () => session.reset(), { signal: until });
  add.addEventListener('click', commands.add, { signal: until });

  return together(
    () => over.abort(),
    effect(() => {
      by.value = factor.value.name;
      const { options } = factor.value;
      const full = values.value.length === Math.min(MAX_RUNS, options?.length ?? MAX_RUNS);
      add.disabled = full;
      add.title = full
        ? `${values.value.length} are compared, which is all there can be`
        : `One more network; there can be ${MAX_RUNS}`;
    }),
    effect(() => {
      const playing = session.dialogue.playing.value;
      for (const button of [reset, play, step]) button.disabled = !ready.value;
      const own = store.keyed.value !== null;
      markKey(play, ' ', playing ? 'Pause the comparison' : 'Train all of them', own);
      markKey(step, 'ArrowRight', 'One iteration of each', own);
      markKey(reset, 'r', 'Back to the same initial weights', own);
      play.toggleAttribute('data-playing', playing);
      /** @type {HTMLElement} */ (play.querySelector('.word')).textContent = playing ? 'Pause' : 'Play';
    }),
    effect(() => {
      const iteration = session.picture.value?.iteration ?? 0;
      const data = /** @type {HTMLDataElement} */ (find('compare-iteration'));
      data.value = String(iteration);
      data.textContent = count(iteration);
    }),
    effect(() => {
      const { batchSize } = store.experiment.value;
      render(
        `${count(values.value.length)} networks, one difference. ${factor.value.same}, the same iteration.${
          batchSize === null ? '' : ' Lines are means of an epoch; each batch, faintly, of the one set up.'
        }`,
        find('compare-about'),
      );
    }),
    effect(() => {
      const text = said.value || obstacle.value;
      const problem = find('compare-problem');
      if (problem.textContent !== text) problem.textContent = text;
    }),
    effect(() => {
      const state = session.dialogue.connection.value;
      render(
        session.stream.waiting.value
          ? ''
          : state === 'reconnecting'
            ? 'Reconnecting. The comparison goes on at the server.'
            : session.said.value,
        find('compare-said'),
      );
    }),
  );
}

/**
 * The keys are the comparison's as long as its Play can be seen.
 *
 * @param {Context} context
 * @param {HTMLElement} play
 */
function takeKeys({ store, session, ready, commands }, play) {
  /** @param {() => void} act */
  const once = (act) => () => {
    if (ready.peek()) act();
    else store.announcer.say('The comparison cannot be trained just now');
  };
  const keyed = {
    what: 'the comparison',
    part: 'compare',
    toggle: once(commands.toggle),
    step: once(commands.step),
    reset: once(() => session.reset()),
  };
  const observer = new IntersectionObserver(
    (entries) => {
      store.keyed.value = (entries.at(-1)?.intersectionRatio ?? 0) >= SEEN ? keyed : null;
    },
    { threshold: SEEN },
  );
  observer.observe(play);
  return () => {
    observer.disconnect();
    store.keyed.value = null;
  };
}

/** Why it has no session, for each reason. */
const WHY_NOT = {
  foreign: 'This server refuses pages of this address just now.',
  misnamed: 'This server does not answer to this name just now.',
  blocked: 'The server answers, but the comparison’s stream does not open.',
  fast: 'This address asks for more than its share of the server just now.',
  full: 'All places are taken, and a comparison needs one of its own. Your own run is not affected.',
  restarting: 'The server is restarting. The comparison goes on when it is back.',
  busy: 'The server cannot open the comparison just now.',
  locked: 'This server asks for another access code now. The comparison stays for a while.',
};

/**
 * The class of a network's curve: the one set up on the page stands out.
 *
 * @param {Context} context
 * @param {Value} value
 * @param {number} index
 */
const styleOf = ({ factor, store }, value, index) =>
  factor.value.get(store.experiment.value) === value ? 'series now' : `series series-${index}`;

/** A cost, if there is one. @param {number | null | undefined} J */
const costOf = (J) => (typeof J === 'number' ? cost(J) : '–');

/** @param {Context} context @param {HTMLElement} container */
function showCards(context, container) {
  const { store, session, factor, values, settled, commands, size } = context;
  /** What each canvas is called at the painter's. @type {Map<HTMLCanvasElement, number>} */
  const canvases = new Map();
  /** @param {HTMLCanvasElement} canvas @param {number} index */
  const give = (canvas, index) => {
    if (canvases.has(canvas)) return;
    canvases.set(canvas, index);
    session.stream.painter.give(String(index), canvas);
  };
  const points = computed(() => pointsOver(session.points.value, store.experiment.value.showTest));

  // Its value is set when another holds, and not at every drawing: somebody may be typing.
  /** @param {Value} value @param {number} index */
  const editor = (value, index) => {
    const { options, field, label } = factor.value;
    const name = `The ${label} of network ${index + 1}`;
    /** @param {Event} event */
    const change = ({ target }) => {
      const input = /** @type {HTMLInputElement | HTMLSelectElement} */ (target);
      commands.change(index, input.value);
      // What was refused is not shown as if it held.
      input.value = field.write(values.peek()[index]);
    };
    /** @param {KeyboardEvent} event */
    const step = (event) => {
      const way = WAYS[event.key];
      if (!way) return;
      event.preventDefault();
      const now = Number(values.peek()[index]);
      const stops = NEXT[factor.peek().name]
        .filter((stop) => !values.peek().includes(stop))
        .sort((one, other) => one - other);
      const next = way > 0 ? stops.find((stop) => stop > now) : stops.findLast((stop) => stop < now);
      if (next !== undefined) commands.change(index, field.write(next));
    };
    return options
      ? html`<select class="select" translate="no" aria-label=${name} .value=${String(value)} @change=${change}>${options.map(
          (option) =>
            html`<option value=${option.name} ?selected=${option.name === value}
              ?disabled=${option.name !== value && values.value.includes(option.name)}>${option.label}</option>`,
        )}</select>`
      : html`<input class="value" type="text" role="spinbutton" inputmode="decimal" autocomplete="off" aria-label=${name}
        aria-valuenow=${value} .value=${field.write(value)} @change=${change} @keydown=${step}>`;
  };

  /** @param {Value} value @param {number} index */
  const card = (value, index) => {
    const { say, part, get } = factor.value;
    const now = get(store.experiment.value) === value;
    const run = settled.value ? session.picture.value?.runs[index] : undefined;
    const gone = session.diverged.value.get(index);
    const reached = run ? reachedBy(session.histories[index], store.problem.value)[SHOWN_THRESHOLD] : null;
    const usable = allows(store.experiment.value, part);
    const held = run?.test_accuracy ?? null;
    return html`<article class="network ${now ? 'now' : ''}" aria-label=${say(value)}>
      <div class="title">${sampleOf(styleOf(context, value, index))}${editor(value, index)}
        <button class="btn quiet sq remove" type="button" aria-label="Remove ${say(value)}" title="Remove"
          ?disabled=${values.value.length <= FEWEST} @click=${() => commands.remove(index)}>${icon('close')}</button></div>
      <div class="small-plane" role="img"
        aria-label="What ${say(value)} makes of the plane, with the examples"><canvas
        ${ref((canvas) => canvas instanceof HTMLCanvasElement && give(canvas, index))}></canvas><svg class="over"
        viewBox=${VIEW_BOX} aria-hidden="true">${points.value}</svg></div>
      <dl>
        <div><dt>Cost</dt><dd>${run ? cost(run.train_cost) : '–'}</dd></div>
        ${
          store.regression.value
            ? html`<div><dt>Test cost</dt><dd>${costOf(run?.test_cost)}</dd></div>`
            : html`<div><dt>${held === null ? 'Train' : 'Test'}</dt><dd>${
                run ? percent(held ?? run.train_accuracy) : '–'
              }</dd></div>`
        }
        <div><dt>${
          gone === undefined
            ? html`<math translate="no">${variable('J')}${operator('≤')}<mn>${
                thresholdsOf(store.problem.value)[SHOWN_THRESHOLD]
              }</mn></math> at`
            : 'Diverged at'
        }</dt><dd>${gone === undefined ? (reached === null ? 'not yet' : count(reached)) : count(gone)}</dd></div>
      </dl>
      <button class="btn small" type="button" ?disabled=${!usable || now} title=${
        usable
          ? now
            ? 'This is what is set up'
            : 'Sets this network up in the main experiment'
          : 'Locked on this page'
      } aria-label=${
        now ? `As set up: ${say(value)}` : `Set up ${say(value)} in the main experiment`
      } @click=${() => commands.take(value)}>${now ? 'As set up' : 'Set up'}</button>
    </article>`;
  };

  return together(
    effect(() => {
      /** @type {HTMLElement} */ (container.parentElement).style.setProperty('--networks', String(values.value.length));
      render(
        repeat(values.value, (_, index) => index, card),
        container,
      );
    }),
    effect(() => {
      void [size.value, values.value, session.running.value];
      const line = !store.regression.value;
      const discrete = store.experiment.value.discretise;
      for (const [canvas, index] of canvases) {
        if (!canvas.isConnected) canvases.delete(canvas);
        else if (canvas.clientWidth > 0)
          session.stream.painter.plane(String(index), {
            width: canvas.clientWidth,
            height: canvas.clientHeight,
            ratio: pixelRatio(),
            run: index,
            unit: null,
            flat: false,
            discrete,
            line,
            marked: null,
          });
      }
    }),
    () => render(nothing, container),
  );
}

/** @type {WeakMap<History, Reached>} */
const reachedOf = new WeakMap();

/** @param {History} history @param {import('../types/protocol').Problem} problem */
function reachedBy(history, problem) {
  let reached = reachedOf.get(history);
  if (!reached) {
    reached = new Reached(thresholdsOf(problem));
    reachedOf.set(history, reached);
  }
  return reached.look(history);
}

/** @param {Context} context @param {{value: string}} scale @param {HTMLElement} plot */
function showChart(context, scale, plot) {
  const { session, factor, values, settled, size } = context;
  const area = /** @type {HTMLElement} */ (plot.querySelector('.area'));
  const tip = new Tip(plot);
  /** @type {ReturnType<typeof lineChart> | null} */
  let drawn = null;

  const stop = effect(() => {
    void size.value;
    const { clientWidth: width, clientHeight: height } = plot;
    const seen = settled.value ? session.picture.value : null;
    if (width === 0) return;
    /** @type {import('./line-chart.js').Line | null} */
    let faint = null;
    const lines = values.value.flatMap((value, index) => {
      const run = seen?.runs[index];
      if (!run) return [];
      const history = session.histories[index];
      const { line, batches } = history.curves(width / COARSE);
      const style = styleOf(context, value, index);
      const bold = style.endsWith('now');
      if (!batches && history.length === seen.iteration) {
        line.x.push(seen.iteration);
        line.y.push(run.train_cost);
      }
      // Of all of them, one would see none.
      if (batches && bold) faint = { x: batches.x, y: within(batches.y, line.y), style: 'batches' };
      return [{ ...line, style, name: factor.value.say(value), bold }];
    });
    drawn = lineChart({
      width,
      height,
      iterations: seen?.iteration ?? 0,
      log: scale.value === 'log',
      lines: [...(faint ? [faint] : []), ...lines],
    });
    render(drawn.picture, area);
    plot.setAttribute(
      'aria-label',
      `The cost of every iteration of ${lines.map(({ name }) => name).join(', ')}; the table below has the numbers`,
    );
  });

  /** @param {PointerEvent} event */
  const show = (event) => {
    const iteration = drawn ? iterationAt(drawn, event.clientX - plot.getBoundingClientRect().left) : -1;
    const known = settled.peek()
      ? values
          .peek()
          .flatMap((value, index) =>
            iteration < (session.histories[index]?.length ?? 0)
              ? [{ name: factor.peek().say(value), J: session.histories[index].mean(iteration) }]
              : [],
          )
      : [];
    if (!drawn || iteration < 0 || known.length === 0) return tip.hide();
    tip.show(
      html`<div>Iteration ${count(iteration)}</div>${known.map(({ name, J }) => html`<div>${name} ${cost(J)}</div>`)}`,
      event,
      placeOf(drawn.scale, iteration, 0).x,
    );
    return undefined;
  };
  const over = new AbortController();
  for (const type of /** @type {const} */ (['pointermove', 'pointerdown']))
    plot.addEventListener(type, show, { signal: over.signal });
  plot.addEventListener('pointerleave', () => tip.hide(), { signal: over.signal });
  return together(
    stop,
    () => over.abort(),
    () => tip.hide(),
    () => render(nothing, area),
  );
}

/** Who came to which cost when. @param {Context} context @param {HTMLElement} container */
function showTable({ store, session, factor, values, settled }, container) {
  const stop = effect(() => {
    const regression = store.regression.value;
    const thresholds = thresholdsOf(store.problem.value);
    const seen = settled.value ? session.picture.value : null;
    /** @param {Value} value @param {number} index */
    const row = (value, index) => {
      const run = seen?.runs[index];
      const reached = run ? reachedBy(session.histories[index], store.problem.value) : thresholds.map(() => null);
      return html`<tr><th scope="row">${factor.value.say(value)}</th>
        ${reached.map(
          (iteration) =>
            html`<td class=${iteration === null ? 'quiet' : ''}>${
              iteration === null ? 'not yet' : count(iteration)
            }</td>`,
        )}
        <td>${run ? cost(run.train_cost) : '–'}</td>${
          regression
            ? html`<td>${costOf(run?.test_cost)}</td>`
            : html`<td>${
                run ? percent(run.train_accuracy) : '–'
              }</td><td>${run ? percent(run.test_accuracy) : '–'}</td>`
        }</tr>`;
    };
    render(
      html`<table class="reached">
        <caption>The first iteration with a cost of at most …</caption>
        <thead><tr><th scope="col">${factor.value.field.label}</th>${thresholds.map(
          (threshold) => html`<th scope="col">${threshold}</th>`,
        )}<th scope="col">Cost now</th>${
          regression ? html`<th scope="col">Test cost</th>` : html`<th scope="col">Train</th><th scope="col">Test</th>`
        }</tr></thead>
        <tbody>${values.value.map(row)}</tbody></table>`,
      container,
    );
  });
  return together(stop, () => render(nothing, container));
}
