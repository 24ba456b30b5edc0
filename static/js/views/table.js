/**
 * Points from a table: pasted, chosen, or dropped onto the data section. The server reads it; the reader chooses the
 * columns.
 */

import { html, render } from '../../vendor/lit-html/lit-html.js';
import { post } from '../asking.js';
import { OWN } from '../experiment/experiment.js';
import { allows } from '../experiment/parts.js';
import { count } from '../format.js';

/** @typedef {import('../store/state.js').Store} Store */
/** @typedef {import('../experiment/experiment.js').Experiment} Experiment */
/** @typedef {import('../types/protocol').Table} Table */
/** @typedef {import('../types/protocol').TablePoints} TablePoints */

/** As much as the server reads (bytes). */
const MOST_BYTES = 2_000_000;
/** x1, x2 and the label. */
const NEEDED = 3;
/** How long typing must rest before it is read (milliseconds). */
const REST = 500;

/**
 * @param {Store} store
 * @param {(id: string) => HTMLElement} find
 * @param {{dialog: HTMLDialogElement, take: (state: Pick<Experiment, 'dataset' | 'problem' | 'points' | 'labels'>,
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
  const [x1, x2, label, task] = ['table-x1', 'table-x2', 'table-label', 'table-task'].map(
    (id) => /** @type {HTMLSelectElement} */ (find(id)),
  );

  /** What there is to read; a file is kept as it is. */
  let source = '';
  /** Answers to an older question do not count. */
  let asked = 0;
  /** @type {TablePoints | null} */
  let points = null;

  /** @param {string} said @param {boolean} [keep] what was found */
  const complain = (said, keep = false) => {
    problem.textContent = said;
    points = null;
    use.disabled = true;
    if (!keep) found.hidden = true;
  };

  /** @param {string} query @returns {Promise<any>} */
  const ask = async (query) => {
    const mine = ++asked;
    const answer = await post(`/datasets/table${query}`, source, 'text/csv; charset=utf-8');
    if (mine !== asked) return null;
    if (!answer) {
      complain('The server cannot be reached. Nothing is lost; try again.', true);
      return null;
    }
    const body = await answer.json();
    if (mine !== asked) return null;
    if (!answer.ok) {
      complain(body.detail ?? body.title, query !== '');
      return null;
    }
    problem.textContent = '';
    return body;
  };

  const read = async () => {
    if (source.trim() === '') return complain('');
    if (new Blob([source]).size > MOST_BYTES) return complain('The table may have at most 2 MB.');
    const table = /** @type {Table | null} */ (await ask(''));
    if (!table) return undefined;
    if (table.columns.length < NEEDED)
      return complain(
        `A table of points needs ${NEEDED} columns, two of numbers and one of labels; this one has ${table.columns.length}.`,
      );
    const options = table.columns.map(
      (column, index) => html`<option value=${index}>${column.name || `column ${index + 1}`}</option>`,
    );
    for (const select of [x1, x2, label]) render(options, select);
    const { suggested } = table;
    x1.value = String(suggested.x1 ?? 0);
    x2.value = String(suggested.x2 ?? Math.min(1, table.columns.length - 1));
    label.value = String(suggested.label ?? table.columns.length - 1);
    showSample(table);
    found.hidden = false;
    return choose();
  };

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
    use.disabled = true;
    if (shownTable) showSample(shownTable);
    points = /** @type {TablePoints | null} */ (
      await ask(`?x1=${x1.value}&x2=${x2.value}&label=${label.value}&task=${task.value}&fit=true`)
    );
    if (!points) return;
    const { classes, rows, bad_rows, fit: scaling } = points;
    const as = classes ? `; “${classes[0]}” is y = 0, “${classes[1]}” is y = 1` : '';
    sum.textContent = `${count(rows)} points${as}.`;
    bad.hidden = bad_rows === 0;
    /** @type {HTMLElement} */ (bad.querySelector('summary')).textContent =
      `${count(bad_rows)} ${bad_rows === 1 ? 'row is' : 'rows are'} left out`;
    render(
      [
        ...points.bad.map(({ line, reason }) => html`<li>Line ${count(line)}: ${reason}</li>`),
        bad_rows > points.bad.length ? html`<li>and ${count(bad_rows - points.bad.length)} more</li>` : '',
      ],
      /** @type {HTMLElement} */ (bad.querySelector('ul')),
    );
    const seen = points.points.every((point) => point.every((value) => Math.abs(value) <= 6));
    const spread = Math.max(...points.points.flat().map(Math.abs));
    fit.checked = !seen || spread < 1.5;
    const [c1, c2] = scaling.center.map((value) => Number(value.toPrecision(4)));
    const [s1, s2] = scaling.scale.map((value) => Number(value.toPrecision(4)));
    find('table-fit-about').textContent =
      `Scale into the plane, [−6, 6]: x₁ becomes (x₁ − ${c1}) · ${s1}, x₂ becomes (x₂ − ${c2}) · ${s2}`.replaceAll(
        '-',
        '−',
      );
    use.disabled = rows < 2;
  };

  /** @param {string} from @param {string} [called] */
  const load = (from, called = '') => {
    source = from;
    name.textContent = called;
    read();
  };
  /** @param {File | null | undefined} chosen */
  const loadFile = async (chosen) => {
    if (!chosen) return;
    if (chosen.size > MOST_BYTES) {
      complain(`${chosen.name} is larger than 2 MB.`);
      return;
    }
    text.value = '';
    load(await chosen.text(), chosen.name);
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
  for (const select of [x1, x2, label, task]) select.addEventListener('change', choose);

  use.addEventListener('click', () => {
    if (!points) return;
    const used = fit.checked && points.scaled ? points.scaled : points.points;
    take(
      { dataset: OWN, problem: points.task, points: used, labels: points.labels },
      `${count(used.length)} points from a table`,
    );
    dialog.close();
  });

  const open = () => {
    task.value = store.experiment.peek().problem;
    dialog.showModal();
  };
  find('table-open').addEventListener('click', open);
  for (const id of ['table-close', 'table-cancel']) find(id).addEventListener('click', () => dialog.close());

  const section = /** @type {HTMLElement} */ (find('data-title').closest('section'));
  /** @param {DragEvent} event */
  const takes = ({ dataTransfer }) =>
    Boolean(dataTransfer?.types.includes('Files')) && allows(store.reduction.peek(), 'own');
  for (const [place, opens] of /** @type {[HTMLElement, boolean][]} */ ([
    [section, true],
    [dialog, false],
  ])) {
    place.addEventListener('dragover', (event) => {
      if (!takes(event)) return;
      event.preventDefault();
      place.toggleAttribute('data-drop', true);
    });
    place.addEventListener('dragleave', (event) => {
      if (!(event.relatedTarget instanceof Node && place.contains(event.relatedTarget)))
        place.toggleAttribute('data-drop', false);
    });
    place.addEventListener('drop', (event) => {
      place.toggleAttribute('data-drop', false);
      if (!takes(event)) return;
      event.preventDefault();
      if (opens) open();
      loadFile(event.dataTransfer?.files[0]);
    });
  }
}
