/** The lines of an iteration on the page: formulas whose terms show their shapes and, opened, their numbers. */

import { html, nothing, render } from '../../../vendor/lit-html/lit-html.js';
import { effect, signal } from '../../../vendor/signals-core/signals-core.js';
import { shape } from '../../notation.js';
import { takesIn } from '../../painting/emphasis.js';
import { together } from '../../signals.js';
import { palette } from '../../theme.js';
import { icon } from '../../views/icon.js';
import { DERIVATIONS, DIFFERENCES } from './derivations.js';
import { AGREES, isTerm, verdictOn } from './lines.js';
import { isWide, lights, MOST, matrix, paintStrip, powerOfBoth } from './matrix.js';

/** @typedef {import('./lines.js').Line} Line */
/** @typedef {import('./lines.js').Term} Term */
/** @typedef {import('../../types/painting').Emphasis} Emphasis */
/** @typedef {import('../../types/painting').Part} Part */
/** @template T @typedef {import('../../../vendor/signals-core/signals-core.js').ReadonlySignal<T>} ReadonlySignal */

/** A term with at most so many entries is open from the start. */
const SMALL = 32;
/** On a phone only the results are, or the page would be several screens long. */
const narrow = matchMedia('(max-width: 47.49em)');

/** A verdict with its mark: a tick, or a word. @param {{agrees: boolean | null, text: string}} verdict */
export const verdict = ({ agrees, text }) => html`${agrees ? icon('tick') : nothing}<span>${text}</span>`;

/** @param {Term} term */
const isSmall = ({ shape: [rows, columns] }) => rows * columns <= SMALL && Math.max(rows, columns) <= MOST;

/**
 * @param {HTMLElement} place
 * @param {object} parts
 * @param {ReadonlySignal<Line[]>} parts.lines
 * @param {ReadonlySignal<number | null>} parts.step the line that slow motion is at
 * @param {ReadonlySignal<Part | null>} parts.pointed in the network
 * @param {(emphasis: Emphasis | null) => void} parts.point tells what the reader points at here
 * @param {(column: number) => void} parts.choose tells which column of a strip was chosen
 * @returns {() => () => void} what to do when it opens, and then when it closes
 */
export function mountIteration(place, { lines, step, pointed, point, choose }) {
  /** What the reader has opened or closed, by line and place; the rest is by size. */
  const opened = signal(/** @type {ReadonlyMap<string, boolean>} */ (new Map()));
  /** Lines whose derivation is open. */
  const explained = signal(/** @type {ReadonlySet<string>} */ (new Set()));
  /** What each strip shows, in which colours. @type {WeakMap<HTMLCanvasElement, [rows: unknown, colours: string]>} */
  const painted = new WeakMap();

  /** @param {Event} event */
  const enter = ({ target }) => {
    const element = /** @type {HTMLElement | null} */ (/** @type {Element} */ (target).closest('[data-lights]'));
    const way = /** @type {HTMLElement | null} */ (element?.closest('[data-way]'))?.dataset.way;
    point(element?.dataset.lights ? { ...JSON.parse(element.dataset.lights), way } : null);
  };
  const leave = () => point(null);
  place.addEventListener('pointerover', enter);
  place.addEventListener('focusin', enter);
  place.addEventListener('pointerleave', leave);
  place.addEventListener('focusout', leave);

  /** @param {Line} line @param {Term} term @param {number} index */
  const showTerm = (line, term, index) => {
    const key = `${line.id} ${index}`;
    const whole = !narrow.matches && [line.result, ...line.from.filter(isTerm)].every(isSmall);
    const isOpen = opened.value.get(key) ?? (isSmall(term) && (index === 0 || whole));
    const [rows, columns] = term.shape;
    const toggle = () => {
      opened.value = new Map([...opened.peek(), [key, !isOpen]]);
    };
    return html`<div class="term" data-term=${term.name} data-lights=${lights(term.part)}>
      <button type="button" class="face" aria-expanded=${isOpen}
        @click=${toggle}><math translate="no" aria-hidden="true">${term.symbol}</math><small
        aria-hidden="true"><math translate="no">${shape(rows, columns)}</math></small><span class="vh">${term.name}, ${rows} by
        ${columns}</span></button>
      ${isOpen ? matrix(term) : nothing}
    </div>`;
  };

  /** @param {Line} line @param {number} index */
  const showLine = (line, index) => {
    const { id, way, result, from, check, derivation } = line;
    const isExplained = explained.value.has(id);
    const isOpen = opened.value.get(`${id} 0`) ?? isSmall(result);
    const explain = () => {
      const now = new Set(explained.peek());
      if (!now.delete(id)) now.add(id);
      explained.value = now;
    };
    const judged = check && verdictOn(check);
    return html`<li class="line" data-line=${id} data-way=${way}
      aria-current=${step.value === index ? 'step' : 'false'}>
      <div class="equation">
        ${showTerm(line, result, 0)}
        ${from.map((piece, at) =>
          isTerm(piece)
            ? showTerm(line, piece, at + 1)
            : html`<span class="op"><math translate="no">${piece}</math></span>`,
        )}
        ${
          check && judged
            ? html`<div class="differences" data-agrees=${judged.agrees ?? 'unknown'}>
                <div class="face"><span>finite differences</span><p class="verdict">${verdict(judged)}</p></div>
                ${
                  isOpen
                    ? matrix(result, {
                        rows: check.numeric,
                        power: powerOfBoth(result.rows, check.numeric),
                        missing: 'kink',
                        wrong: check.agree,
                      })
                    : nothing
                }
              </div>`
            : nothing
        }
        <button type="button" class="btn quiet small why" aria-expanded=${isExplained} aria-label="Why: ${result.name}"
          @click=${explain}>Why</button>
      </div>
      ${
        isWide(result)
          ? html`<canvas class="strip" role="img"
            aria-label="${result.name}: a colour for each entry, one column per example"
            data-lights=${lights(result.part)} style="--rows:${result.rows.length}" @click=${(
              /** @type {MouseEvent} */ event,
            ) => {
              const { left, width } = /** @type {HTMLElement} */ (event.currentTarget).getBoundingClientRect();
              choose(
                Math.min(
                  result.rows[0].length - 1,
                  Math.floor((result.rows[0].length * (event.clientX - left)) / width),
                ),
              );
            }}></canvas>`
          : nothing
      }
      ${
        isExplained
          ? html`<div class="derivation" role="group" tabindex="0"
            aria-label="Why: ${result.name}">${DERIVATIONS[derivation]}${check ? DIFFERENCES : nothing}</div>`
          : nothing
      }
    </li>`;
  };

  /** @param {string} title @param {Line['way']} way @param {Line[]} all */
  const pass = (title, way, all) => {
    const shown = all.flatMap((line, index) => (line.way === way ? [showLine(line, index)] : []));
    return shown.length > 0
      ? html`<section class="pass" data-way=${way}><h3>${title}</h3>${
          all.some((line) => line.way === way && line.check) ? html`<p class="quiet agrees">${AGREES}</p>` : nothing
        }<ol>${shown}</ol></section>`
      : nothing;
  };

  /** Marks what speaks of what is pointed at in the network. @param {Part | null} part */
  const mark = (part) => {
    for (const element of /** @type {NodeListOf<HTMLElement>} */ (place.querySelectorAll('[data-lights]')))
      element.toggleAttribute('data-lit', part !== null && speaksOf(JSON.parse(element.dataset.lights ?? ''), part));
  };

  /** @param {Line[]} all @param {string} colours */
  const paint = (all, colours) => {
    for (const { id, result } of all) {
      const canvas = /** @type {HTMLCanvasElement | null} */ (place.querySelector(`[data-line="${id}"] .strip`));
      const [rows, drawn] = (canvas && painted.get(canvas)) ?? [];
      if (!canvas || (rows === result.rows && drawn === colours)) continue;
      paintStrip(canvas, result.rows);
      painted.set(canvas, [result.rows, colours]);
    }
  };

  return () => {
    /** @type {number | null} */
    let seen = null;
    return together(
      effect(() => {
        const all = lines.value;
        const at = step.value;
        render(
          html`<div>${pass('Forward', 'forward', all)}</div>
            <div>${pass('Backward', 'backward', all)}${pass('Update', 'update', all)}</div>`,
          place,
        );
        paint(all, palette.value);
        mark(pointed.peek());
        if (at !== null && at !== seen)
          place.querySelector('[aria-current="step"]')?.scrollIntoView({ block: 'nearest' });
        seen = at;
      }),
      effect(() => mark(pointed.value)),
      () => {
        render(nothing, place);
        point(null);
      },
    );
  };
}

/**
 * Whether a part of an iteration speaks of what is pointed at; a unit is also its bias and the weights into it.
 *
 * @param {Part} part
 * @param {Part} pointed
 */
export function speaksOf(part, pointed) {
  if (pointed.what !== 'units')
    return part.what === pointed.what && takesIn(part, pointed.layer, pointed.unit ?? 0, pointed.input);
  return part.layer === pointed.layer && (part.unit === null || part.unit === pointed.unit);
}
