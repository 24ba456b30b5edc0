/**
 * Points from a table: pasted, chosen, or dropped onto the data section or the plot. The server reads it and says what
 * it has understood; the reader changes what is meant otherwise. A file is sent as its bytes are.
 */

import { html, nothing, render } from '../../vendor/lit-html/lit-html.js';
import { latest, post } from '../asking.js';
import { OWN } from '../experiment/experiment.js';
import { short } from '../experiment/origin.js';
import { allows } from '../experiment/parts.js';
import { count, counted } from '../format.js';
import { takeDropped } from './dropped.js';

/** @typedef {import('../store/state.js').Store} Store */
/** @typedef {import('../experiment/experiment.js').Experiment} Experiment */
/** @typedef {import('../types/protocol').Table} Table */
/** @typedef {import('../types/protocol').TablePoints} TablePoints */

/** As much as the server reads (bytes). */
const MOST_BYTES = 2_000_000;
/** x1, x2 and the label. */
const NEEDED = 3;
/** What separates cells, in words. @type {Record<string, string>} */
const DELIMITERS = { ',': 'commas', ';': 'semicolons', '\t': 'tabs', '|': 'upright lines', ' ': 'spaces' };
/** Lines that are passed over and said one by one. */
const MOST_SAID = 5;
/** How long typing must rest before it is read (milliseconds). */
const REST = 500;

/**
 * @param {Store} store
 * @param {(id: string) => HTMLElement} find
 * @param {{dialog: HTMLDialogElement, take: (state: Pick<Experiment, 'dataset' | 'problem' | 'points' | 'labels' | 'origin'>,
 *   said: string) => void}} own
 */
export function mountTable(store, find, { dialog, take }) {
  const text = /** @type {HTMLTextAreaElement} */ (find('table-text'));
  const file = /** @type {HTMLInputElement} */ (find('table-file'));
  const name = find('table-name');
  const problem = find('table-problem');
  const found = find('table-found');
  const sum = find('table-sum');
  const fit = /** @type {HTMLInputElement} */ (find('table-fit'));
  const use = /** @type {HTMLButtonElement} */ (find('table-use'));
  const bad = /** @type {HTMLDetailsElement} */ (find('table-bad'));
  const header = /** @type {HTMLInputElement} */ (find('table-header'));
  const said = find('table-said');
  const [x1, x2, label, task, zero, one, decimal] = ['x1', 'x2', 'label', 'task', 'zero', 'one', 'decimal'].map(
    (id) => /** @type {HTMLSelectElement} */ (find(`table-${id}`)),
  );

  /** What there is to read; a file is kept as it is. @type {string | File} */
  let source = '';
  /** What the reader has said of it, in the words of the query. @type {Record<string, string>} */
  let told = {};
  const asking = latest();
  /** @type {TablePoints | null} */
  let points = null;

  /** Why there are no points; what was said of others goes. @param {string} why @param {boolean} [keep] the columns */
  const complain = (why, keep = false) => {
    problem.textContent = why;
    points = null;
    use.disabled = true;
    sum.textContent = '';
    bad.hidden = true;
    find('table-fit-line').hidden = true;
    render(nothing, said);
    if (!keep) found.hidden = true;
  };

  /** @param {Record<string, string>} query @param {boolean} keep the columns, if it fails @returns {Promise<any>} */
  const ask = async (query, keep) => {
    const counts = asking();
    const answer = await post(`/datasets/table?${new URLSearchParams({ ...told, ...query })}`, source, 'text/csv');
    if (!counts()) return null;
    if (!answer) {
      complain('The server cannot be reached. Nothing is lost; try again.', true);
      return null;
    }
    if (!answer.ok) {
      complain(answer.body?.detail ?? `The server answered ${answer.status}.`, keep);
      return null;
    }
    problem.textContent = '';
    return answer.body;
  };

  /** @returns {Promise<void>} */
  const read = async () => {
    asking();
    // Until it is read there is nothing to choose from, nor to use.
    shownTable = points = null;
    use.disabled = true;
    if (source instanceof File && source.size === 0) return complain(`${source.name} is empty.`);
    if (typeof source === 'string' && source.trim() === '') return complain('');
    if (new Blob([source]).size > MOST_BYTES) return complain('The table may have at most 2 MB.');
    const table = /** @type {Table | null} */ (await ask({}, false));
    if (!table) return undefined;
    header.checked = table.header;
    if (table.columns.length < NEEDED)
      return complain(
        `A table of points needs ${NEEDED} columns, two of numbers and one of labels; this one has ${table.columns.length}.`,
      );
    const options = table.columns.map(
      (column, index) => html`<option value=${index}>${column.name || `column ${index + 1}`}</option>`,
    );
    for (const select of [x1, x2, label]) render(options, select);
    // Where there is no likely one, a column that is nothing else yet: what is wrong with it is then said.
    const { suggested } = table;
    const indices = table.columns.map((_, index) => index);
    /** @param {(number | null | undefined)[]} taken */
    const free = (...taken) => indices.filter((index) => !taken.includes(index));
    const labels = suggested.label ?? free(suggested.x1, suggested.x2).at(-1);
    const first = suggested.x1 ?? free(labels, suggested.x2)[0];
    x1.value = String(first);
    x2.value = String(suggested.x2 ?? free(labels, first)[0]);
    label.value = String(labels);
    shownTable = table;
    found.hidden = false;
    return chooseLabel();
  };

  /** The classes of another label: two of them, or one against the rest. */
  const chooseLabel = () => {
    if (!shownTable) return read();
    const classes = shownTable.classes[Number(label.value)] ?? [];
    const options = classes.map(({ value, rows }) => html`<option value=${value}>${value} (${count(rows)})</option>`);
    render(options, one);
    render([html`<option value="">all others</option>`, ...options], zero);
    const several = classes.length > 2;
    one.value = (several ? classes[0] : classes[1])?.value ?? '';
    zero.value = several ? '' : (classes[0]?.value ?? '');
    picked = several;
    return choose();
  };
  /** Whether the reader, or that there are many, has picked classes. */
  let picked = false;

  /** @param {Table} table */
  const showSample = (table) => {
    const chosen = [x1, x2, label].map(({ value }) => Number(value));
    const mark = (/** @type {number} */ column) => (chosen.includes(column) ? 'chosen' : '');
    render(
      html`<caption class="vh">The first rows</caption><thead><tr>${table.columns.map(
        (column, index) => html`<th scope="col" class=${mark(index)}>${column.name || `column ${index + 1}`}</th>`,
      )}</tr></thead>
        <tbody>${table.sample.map(
          (row) => html`<tr>${table.columns.map((_, index) => html`<td class=${mark(index)}>${row[index]}</td>`)}</tr>`,
        )}</tbody>`,
      find('table-sample'),
    );
    shownTable = table;
  };
  /** @type {Table | null} */
  let shownTable = null;

  const choose = async () => {
    // It is not read yet, or could not be.
    if (!shownTable) return read();
    points = null;
    use.disabled = true;
    showSample(shownTable);
    const classes = shownTable.classes[Number(label.value)]?.length ?? 0;
    for (const line of ['zero', 'one']) find(`table-${line}-line`).hidden = task.value === 'regression' || classes < 2;
    const query = { x1: x1.value, x2: x2.value, label: label.value, task: task.value, fit: 'true' };
    /** @type {Record<string, string>} */
    const of = {};
    if (picked && task.value !== 'regression' && one.value) of.one = one.value;
    if (of.one && zero.value) of.zero = zero.value;
    const answer = /** @type {TablePoints | null} */ (await ask({ ...query, ...of }, true));
    if (!answer) return undefined;
    points = answer;
    tell(answer);
    return undefined;
  };

  /** @param {TablePoints} here */
  const tell = (here) => {
    const { classes, rows, bad_rows, fit: scaling } = here;
    const as = classes ? `; “${classes[0]}” is y = 0, “${classes[1]}” is y = 1` : '';
    sum.textContent = `${counted(rows, 'point')}${as}.`;
    render(
      understood(here).map((line) => html`<li>${line}</li>`),
      said,
    );
    bad.hidden = bad_rows === 0;
    /** @type {HTMLElement} */ (bad.querySelector('summary')).textContent =
      `${counted(bad_rows, 'row is', 'rows are')} left out`;
    render(
      [
        ...here.bad.map(({ line, reason }) => html`<li>Line ${count(line)}: ${reason}</li>`),
        bad_rows > here.bad.length ? html`<li>and ${count(bad_rows - here.bad.length)} more</li>` : '',
      ],
      /** @type {HTMLElement} */ (bad.querySelector('ul')),
    );
    const seen = here.points.every((point) => point.every((value) => Math.abs(value) <= 6));
    const spread = Math.max(...here.points.flat().map(Math.abs));
    fit.checked = !seen || spread < 1.5;
    const [c1, c2] = scaling.center.map((value) => Number(value.toPrecision(4)));
    const [s1, s2] = scaling.scale.map((value) => Number(value.toPrecision(4)));
    find('table-fit-about').textContent =
      `Scale into the plane, [−6, 6]: x₁ becomes (x₁ − ${c1}) · ${s1}, x₂ becomes (x₂ − ${c2}) · ${s2}`.replaceAll(
        '-',
        '−',
      );
    find('table-fit-line').hidden = false;
    use.disabled = rows < 2;
  };

  /** What was understood that a person could understand otherwise. @param {TablePoints} here */
  const understood = ({ delimiter, ambiguous, passed_over, passed_over_lines, missing_rows, other_rows }) => {
    const names = shownTable?.columns.map(({ name }) => name) ?? [];
    const encoding = shownTable?.encoding ?? 'utf-8';
    const lines = passed_over.slice(0, MOST_SAID);
    return [
      ...ambiguous.map(
        ({ column, text: cell, taken, other }) =>
          `${names[column]}: “${cell}” is read as ${taken}; it could be ${other}, too (Decimals).`,
      ),
      ...lines.map(({ line, reason }) => `Line ${count(line)} ${reason}, and is passed over.`),
      ...(passed_over_lines > lines.length
        ? [`${counted(passed_over_lines - lines.length, 'more is', 'more are')} passed over.`]
        : []),
      ...(missing_rows > 0 ? [`Left out for a missing value: ${count(missing_rows)}.`] : []),
      ...(other_rows > 0 ? [`Left out for another class: ${count(other_rows)}.`] : []),
      `Separated by ${DELIMITERS[delimiter] ?? delimiter}${encoding === 'utf-8' ? '' : `, written in ${encoding}`}.`,
    ];
  };

  /** @param {string | File} from @param {string} [called] */
  const load = async (from, called = '') => {
    clearTimeout(resting);
    source = from;
    told = {};
    decimal.value = '';
    name.textContent = called && `Reading ${called}`;
    // Nothing of another file is this one's.
    if (from instanceof File) complain('');
    await read();
    if (source !== from) return;
    name.textContent = called;
    if (!found.hidden) said.scrollIntoView({ block: 'nearest' });
  };
  /** @param {File | null | undefined} chosen */
  const loadFile = (chosen) => {
    if (!chosen) return;
    if (chosen.size > MOST_BYTES) {
      asking();
      clearTimeout(resting);
      complain(`${chosen.name} is larger than 2 MB.`);
      return;
    }
    text.value = '';
    load(chosen, chosen.name);
  };

  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let resting;
  text.addEventListener('input', () => {
    clearTimeout(resting);
    resting = setTimeout(() => load(text.value), REST);
  });
  file.addEventListener('change', () => {
    loadFile(file.files?.[0]);
    file.value = '';
  });
  for (const select of [x1, x2, task]) select.addEventListener('change', choose);
  label.addEventListener('change', chooseLabel);
  for (const select of [zero, one])
    select.addEventListener('change', () => {
      picked = true;
      choose();
    });
  header.addEventListener('change', () => {
    told.header = String(header.checked);
    read();
  });
  decimal.addEventListener('change', () => {
    told = { ...told, decimal: decimal.value };
    if (!decimal.value) delete told.decimal;
    read();
  });

  use.addEventListener('click', () => {
    if (!points) return;
    const { names, classes, scaled, task: problemOf, labels } = points;
    const moved = fit.checked && scaled !== null;
    const used = moved ? scaled : points.points;
    const axes = [0, 1].map((index) => ({
      name: short(names[index]),
      center: moved ? (points?.fit.center[index] ?? 0) : 0,
      scale: moved ? (points?.fit.scale[index] ?? 1) : 1,
    }));
    const origin = { axes, label: short(names[2]), classes: classes?.map(short) ?? null };
    take(
      { dataset: OWN, problem: problemOf, points: used, labels, origin },
      `${count(used.length)} points from a table`,
    );
    dialog.close();
  });

  const open = () => {
    const { problem: now } = store.experiment.peek();
    const other = task.value !== now;
    task.value = now;
    // What was found for another problem is none of this one's.
    if (other && !found.hidden) void choose();
    dialog.showModal();
  };
  find('table-open').addEventListener('click', open);
  for (const id of ['table-close', 'table-cancel']) find(id).addEventListener('click', () => dialog.close());

  const section = /** @type {HTMLElement} */ (find('data-title').closest('section'));
  const may = () => allows(store.reduction.peek(), 'own');
  for (const place of [section, find('boundary')])
    takeDropped(place, may, (dropped) => {
      open();
      loadFile(dropped);
    });
  takeDropped(dialog, may, loadFile);
}
