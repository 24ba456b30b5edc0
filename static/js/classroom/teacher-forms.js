/** What a teacher fills in: a question, a task, parts to hide and to lock, a lesson. */

import { live } from '../../vendor/lit-html/directives/live.js';
import { html, nothing } from '../../vendor/lit-html/lit-html.js';
import { effect, signal } from '../../vendor/signals-core/signals-core.js';
import { latest } from '../asking.js';
import { PARTS, REDUCED } from '../experiment/parts.js';
import { listed } from '../lessons/course.js';
import { inWordsOf, QUANTITIES } from '../lessons/quantities.js';
import { doubt, readNumber } from '../numbers.js';
import { redraw } from './focus.js';
import { LETTERS } from './letters.js';
import { needsReport } from './student-facts.js';
import { symbol } from './symbols.js';

/** @typedef {import('./desk.js').Desk} Desk */
/** @typedef {import('../types/lessons').Condition} Condition */

const [FEWEST_CHOICES, MOST_CHOICES] = [2, 6];
const MOST_CONDITIONS = 6;

/** @param {Event} event */
const text = (event) => /** @type {HTMLInputElement} */ (event.currentTarget).value;
/** @param {() => void} act */
const submitted = (act) => (/** @type {Event} */ event) => {
  event.preventDefault();
  act();
};

/** One more of what a form has several of, and the keyboard is in it. @param {string} field a selector @param {() => void} add */
const another = (field, add) => (/** @type {Event} */ event) => {
  const all = /** @type {HTMLElement} */ (event.currentTarget).closest('fieldset');
  add();
  /** @type {HTMLElement | undefined} */ ([...(all?.querySelectorAll(field) ?? [])].at(-1))?.focus();
};

// ---- a question

/** @param {Desk} desk */
export function askForm(desk) {
  const asked = signal('');
  const choices = signal(['', '']);
  const right = signal(-1);
  const wrong = signal('');
  const ask = () => {
    const filled = choices.peek().map((choice) => choice.trim());
    if (!asked.peek().trim()) wrong.value = 'Write the question first.';
    else if (filled.some((choice) => !choice)) wrong.value = 'Every choice needs a text.';
    else {
      wrong.value = '';
      desk.say({ type: 'ask', text: asked.peek(), choices: filled, ...(right.peek() >= 0 && { right: right.peek() }) });
      desk.section.value = '';
    }
  };
  /** @param {import('../types/rooms').RoomQuestion} question */
  const again = (question) => {
    asked.value = question.text;
    choices.value = [...question.choices];
    right.value = question.right ?? -1;
  };
  return () => {
    const { questions = [] } = desk.state.room.value ?? {};
    const former = [...new Map(questions.map((question) => [question.text, question])).values()].reverse().slice(0, 8);
    return html`<form class="filling" @submit=${submitted(ask)}>
      <label class="ln" for="ask-text">Question</label><textarea class="field" id="ask-text" rows="2" maxlength="500"
        .value=${live(asked.value)} @input=${(/** @type {Event} */ event) => (asked.value = text(event))}></textarea>
      <fieldset><legend class="ln">Choices<span class="cap">mark the right one, or none</span></legend>${choices.value.map(
        (
          choice,
          index,
        ) => html`<div class="choice"><span class="l">${LETTERS[index]}</span><input class="field" type="text" maxlength="120"
          aria-label="Choice ${LETTERS[index]}" .value=${live(choice)} @input=${(/** @type {Event} */ event) => {
            choices.value = choices.peek().with(index, text(event));
          }}><button class="btn sq" type="button" aria-pressed=${String(right.value === index)} aria-label="${LETTERS[index]} is right"
          title="The right one" @click=${() => {
            right.value = right.peek() === index ? -1 : index;
          }}>${symbol('check')}</button>${
            choices.value.length > FEWEST_CHOICES
              ? html`<button class="btn quiet sq" type="button" aria-label="Without choice ${LETTERS[index]}" @click=${() => {
                  const was = right.peek();
                  choices.value = choices.peek().toSpliced(index, 1);
                  right.value = was === index ? -1 : was > index ? was - 1 : was;
                }}>${symbol('close')}</button>`
              : nothing
          }</div>`,
      )}${
        choices.value.length < MOST_CHOICES
          ? html`<button class="btn quiet small" type="button" @click=${another('.choice input', () => {
              choices.value = [...choices.peek(), ''];
            })}>${symbol('plus')}Another choice</button>`
          : nothing
      }</fieldset>
      ${
        former.length > 0
          ? html`<label class="ln" for="ask-again">Asked before</label><select class="select" id="ask-again" @change=${(
              /** @type {Event} */ event,
            ) => {
              const question = former[Number(text(event)) - 1];
              if (question) again(question);
            }}><option value="0">a new question</option>${former.map(
              (question, index) => html`<option value=${index + 1}>${question.text.slice(0, 60)}</option>`,
            )}</select>`
          : nothing
      }
      <p class="wrong" role="alert">${wrong.value}</p>
      <div class="acts"><button class="btn primary" type="submit">Ask</button><button class="btn" type="button"
        @click=${() => (desk.section.value = '')}>Cancel</button></div></form>`;
  };
}

// ---- a task

/** What a task can ask for, in the order of use. */
const ASKABLE = [
  'test_accuracy',
  'train_accuracy',
  'train_cost',
  'test_cost',
  'iteration',
  'units',
  'hidden_layers',
  'activation',
  'dataset',
  'learning_rate',
  'optimizer',
  'scheme',
  'ended',
  'inspected',
  'checked',
  'swept',
  'compared',
  'timed',
];
const PERCENT = ['test_accuracy', 'train_accuracy'];
const COMPARISONS = { at_least: 'at least', above: 'above', below: 'below', at_most: 'at most', equals: 'is' };
/** @typedef {keyof typeof COMPARISONS} Comparison */
const DOWN = ['train_cost', 'test_cost'];

/**
 * The names that a quantity can have; null is a number.
 *
 * @param {string} quantity
 * @param {import('../types/protocol').Catalogue} catalogue
 * @returns {{name: string | boolean, label: string}[] | null}
 */
function namesOf(quantity, catalogue) {
  /** @param {{name: string, label?: string}[]} rows */
  const rows = (rows) => rows.map(({ name, label = name }) => ({ name, label }));
  /** @type {Record<string, {name: string | boolean, label: string}[]>} */
  const tables = {
    activation: rows(catalogue.activations),
    dataset: rows([...catalogue.datasets, ...catalogue.regression_datasets]),
    optimizer: rows(catalogue.optimizers),
    scheme: rows(catalogue.initializations),
    ended: ['iterations', 'cost', 'accuracy', 'no_progress', 'diverged'].map((name) => ({
      name,
      label: QUANTITIES.ended.write(name, catalogue),
    })),
    inspected: ['example', 'point', 'batch'].map((name) => ({
      name,
      label: QUANTITIES.inspected.write(name, catalogue),
    })),
    checked: [{ name: true, label: 'all right' }],
  };
  return tables[quantity] ?? null;
}

/** @typedef {{quantity: string, comparison: Comparison, value: string}} Row as it is filled in */

/** @param {string} quantity @param {import('../types/protocol').Catalogue} catalogue @returns {Row} */
function fresh(quantity, catalogue) {
  const names = namesOf(quantity, catalogue);
  if (names) return { quantity, comparison: 'equals', value: String(names[0].name) };
  const start = {
    test_accuracy: '95',
    train_accuracy: '95',
    train_cost: '0.1',
    test_cost: '0.1',
    units: '3',
    hidden_layers: '2',
    iteration: '1000',
  };
  const value = /** @type {Record<string, string>} */ (start)[quantity] ?? '1';
  const comparison = DOWN.includes(quantity)
    ? 'below'
    : ['units', 'hidden_layers'].includes(quantity)
      ? 'at_most'
      : 'at_least';
  return { quantity, comparison, value };
}

/**
 * What is filled in, as a condition. Pure.
 *
 * @param {Row} row
 * @param {import('../types/protocol').Catalogue} catalogue
 * @returns {Condition | string} a sentence if it can't be one
 */
export function conditionOf({ quantity, comparison, value }, catalogue) {
  const names = namesOf(quantity, catalogue);
  if (names) {
    const found = names.find(({ name }) => String(name) === value) ?? names[0];
    return { quantity, equals: found.name };
  }
  const inPercent = PERCENT.includes(quantity);
  const bare = inPercent ? value.trim().replace(/%$/, '') : value;
  const number = readNumber(bare);
  if (Number.isNaN(number)) return `${QUANTITIES[quantity].title} needs a number.${doubt(bare)}`;
  return { quantity, [comparison]: inPercent ? number / 100 : number };
}

/** A title from what is asked. @param {readonly Condition[]} conditions @param {import('../types/protocol').Catalogue} catalogue */
export const titleOf = (conditions, catalogue) =>
  conditions
    .map((condition, index) => {
      const words = inWordsOf(condition, catalogue).replace(
        / at least (\d)/,
        index === 0 && PERCENT.includes(condition.quantity) ? ' of $1' : ' at least $1',
      );
      return index === 0 ? words : words[0].toLowerCase() + words.slice(1);
    })
    .join(', ');

/** @param {Desk} desk */
export function taskForm(desk) {
  const { catalogue } = desk;
  const rows = signal([fresh('test_accuracy', catalogue)]);
  const title = signal('');
  const anyData = signal(false);
  const wrong = signal('');
  const conditions = () => rows.value.map((row) => conditionOf(row, catalogue));
  const suggested = () => {
    const found = conditions();
    return found.every((condition) => typeof condition !== 'string')
      ? titleOf(/** @type {Condition[]} */ (found), catalogue)
      : '';
  };
  const set = () => {
    const found = conditions();
    const problem = found.find((condition) => typeof condition === 'string');
    if (typeof problem === 'string') {
      wrong.value = problem;
      return;
    }
    wrong.value = '';
    const until = /** @type {Condition[]} */ (found);
    desk.say({
      type: 'task',
      title: (title.peek().trim() || titleOf(until, catalogue)).slice(0, 80),
      until,
      ...(anyData.peek() && { any_data: true }),
    });
    desk.section.value = '';
  };
  /** @param {number} index @param {Partial<Row>} changes */
  const change = (index, changes) => {
    rows.value = rows.peek().with(index, { ...rows.peek()[index], ...changes });
  };
  /** @param {Row} row @param {number} index */
  const line = (row, index) => {
    const names = namesOf(row.quantity, catalogue);
    return html`<div class="condition"><select class="select" aria-label="What" @change=${(
      /** @type {Event} */ event,
    ) => {
      rows.value = rows.peek().with(index, fresh(text(event), catalogue));
    }}>${ASKABLE.map(
      (name) => html`<option value=${name}
      ?selected=${name === row.quantity}>${QUANTITIES[name].title}</option>`,
    )}</select>${
      names
        ? html`<select class="select wide" aria-label="Which"
            @change=${(/** @type {Event} */ event) => change(index, { value: text(event) })}>${names.map(
              ({ name, label }) =>
                html`<option value=${String(name)} ?selected=${String(name) === row.value}>${label}</option>`,
            )}</select>`
        : html`<select class="select" aria-label="How" @change=${(/** @type {Event} */ event) =>
            change(index, { comparison: /** @type {Comparison} */ (text(event)) })}>${Object.entries(COMPARISONS).map(
            ([name, words]) => html`<option value=${name} ?selected=${name === row.comparison}>${words}</option>`,
          )}</select><span class="num"><input class="field" type="text" inputmode="decimal" aria-label="Value" .value=${live(row.value)}
            @input=${(/** @type {Event} */ event) => change(index, { value: text(event) })}>${
              PERCENT.includes(row.quantity) ? html`<span aria-hidden="true">%</span>` : nothing
            }</span>`
    }${
      rows.value.length > 1
        ? html`<button class="btn quiet sq" type="button" aria-label="Without this" @click=${() => {
            rows.value = rows.peek().toSpliced(index, 1);
          }}>${symbol('close')}</button>`
        : nothing
    }</div>`;
  };
  return () => {
    const reported = needsReport(rows.value.map(({ quantity }) => ({ quantity })));
    return html`<form class="filling" @submit=${submitted(set)}>
      <fieldset><legend class="ln">Solved when</legend>${rows.value.map(line)}${
        rows.value.length < MOST_CONDITIONS
          ? html`<button class="btn quiet small" type="button" @click=${another('.condition > :first-child', () => {
              rows.value = [...rows.peek(), fresh('units', catalogue)];
            })}>${symbol('plus')}And</button>`
          : nothing
      }</fieldset>
      <label class="ln" for="task-title">Title</label><input class="field" id="task-title" type="text" maxlength="80" autocomplete="off"
        placeholder=${suggested()} .value=${live(title.value)} @input=${(/** @type {Event} */ event) => (title.value = text(event))}>
      <label class="check"><input type="checkbox" .checked=${live(anyData.value)} @change=${() => (anyData.value = !anyData.peek())}>On any
        data</label>
      <p class="cap">${
        reported
          ? 'Some of it only the page knows: it counts as reported.'
          : anyData.value
            ? 'The server checks it, whatever points somebody trains on.'
            : desk.state.room.value?.experiment
              ? 'The server checks it, on the points of the experiment sent last.'
              : 'Nothing is sent yet: it counts on any points until then.'
      }</p>
      <p class="wrong" role="alert">${wrong.value}</p>
      <div class="acts"><button class="btn primary" type="submit">Set the task</button><button class="btn" type="button"
        @click=${() => (desk.section.value = '')}>Cancel</button></div></form>`;
  };
}

// ---- parts of the page

/** @param {Desk} desk */
export function hideForm(desk) {
  /** @type {import('../../vendor/signals-core/signals-core.js').Signal<ReadonlyMap<string, string>>} */
  const chosen = signal(/** @type {ReadonlyMap<string, string>} */ (new Map()));
  const every = signal(false);
  /** @param {import('../experiment/parts.js').Reduction} reduction */
  const take = ({ hide, lock }) => {
    chosen.value = new Map(
      PARTS.map(({ name }) => [name, hide.includes(name) ? 'hidden' : lock.includes(name) ? 'locked' : 'shown']),
    );
  };
  take(desk.state.room.peek()?.reduction ?? { hide: [], lock: [] });
  const set = () => {
    /** @param {string} is */
    const named = (is) => PARTS.map(({ name }) => name).filter((name) => chosen.peek().get(name) === is);
    desk.say({ type: 'reduce', hide: named('hidden'), lock: named('locked') });
    desk.section.value = '';
  };
  return () => html`<form class="filling" @submit=${submitted(set)}>
    <div class="kinds">${REDUCED.map(
      (kind) => html`<button class="btn small" type="button" @click=${() => take(kind)}>${kind.title}</button>`,
    )}</div>
    <div class="parts" tabindex="0" role="group" aria-label="Parts of the page">${PARTS.filter(
      ({ name, within }) => every.value || !within || chosen.value.get(name) !== 'shown',
    ).map(
      ({
        name,
        title,
        within,
        fixed,
      }) => html`<label class=${within ? 'inner' : ''}><span>${title}</span><select class="select"
        @change=${(/** @type {Event} */ event) => {
          chosen.value = new Map([...chosen.peek(), [name, text(event)]]);
        }}>${['shown', ...(fixed ? [] : ['locked']), 'hidden'].map(
          (is) => html`<option value=${is} .selected=${chosen.value.get(name) === is}>${is}</option>`,
        )}</select></label>`,
    )}</div>
    ${
      every.value
        ? nothing
        : html`<button class="btn quiet small" type="button" @click=${() => (every.value = true)}>${symbol('plus')}Every part</button>`
    }
    <div class="acts"><button class="btn primary" type="submit">Set it on every page</button><button class="btn" type="button"
      @click=${() => (desk.section.value = '')}>Cancel</button></div></form>`;
}

// ---- a lesson

/** @param {Desk} desk */
export function lessonForm(desk) {
  const lessons = signal(/** @type {import('../types/lessons').Summary[] | null} */ (null));
  const wrong = signal('');
  const asking = latest();
  const ask = () => {
    const counts = asking();
    return listed().then(
      (found) => {
        if (!counts()) return;
        wrong.value = '';
        lessons.value = found.lessons;
        // Whoever waits for them is at the first one.
        if (document.activeElement?.closest('.filling'))
          /** @type {HTMLElement | null} */ (document.querySelector('.lessons button'))?.focus();
      },
      (error) => {
        if (counts()) wrong.value = /** @type {Error} */ (error).message;
      },
    );
  };
  void ask();
  return () =>
    html`<div class="filling">${
      wrong.value
        ? html`<p class="wrong" role="alert">${wrong.value}</p><button class="btn small" type="button" @click=${ask}>Try again</button>`
        : lessons.value
          ? html`<ul class="lessons">${lessons.value.map(
              ({ name, title, minutes, steps }) =>
                html`<li><button type="button" @click=${() => {
                  desk.say({ type: 'lesson', name });
                  desk.section.value = '';
                }}><span>${title}</span><span class="cap">${steps} steps, ${minutes} min</span></button></li>`,
            )}</ul>`
          : html`<p class="cap" role="status">Fetching the lessons</p>`
    }<div class="acts"><button class="btn" type="button" @click=${() => (desk.section.value = '')}>Cancel</button></div></div>`;
}

/**
 * A form in a place of its own: what is typed into it stays, whatever is drawn around it.
 *
 * @param {() => () => unknown} make
 * @returns {HTMLElement & {stop: () => void}}
 */
export function formOf(make) {
  const place = Object.assign(document.createElement('div'), { stop() {} });
  const draw = make();
  place.stop = effect(() => redraw(place, draw()));
  return place;
}
