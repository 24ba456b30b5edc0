/** What of the network the reader has chosen, looks at or points at, and what a panel speaks of. */

import { signal } from '../../vendor/signals-core/signals-core.js';
import { unlessSame } from '../signals.js';

/** @typedef {import('../types/painting').Emphasis} Emphasis */
/** @typedef {import('../types/painting').Part} Part */
/** @typedef {import('../types/painting').Unit} Unit */
/** @template T @typedef {import('../../vendor/signals-core/signals-core.js').Signal<T>} Signal */

export class Attention {
  /** What the reader points at in the network. @type {Signal<Part | null>} */
  pointed = signal(/** @type {Part | null} */ (null));
  /** What a panel speaks of: it stands out in the network. @type {Signal<Emphasis | null>} */
  emphasis = signal(/** @type {Emphasis | null} */ (null));
  /** The unit that was chosen, as far as the network still has it. */
  selected;
  /** The unit whose map fills the plane, as far as the network still has it. */
  lookedAt;

  /** @type {Signal<Unit | null>} */
  #chosen = signal(/** @type {Unit | null} */ ({ layer: 1, unit: 0 }));
  /** @type {Signal<Unit | null>} */
  #looked = signal(/** @type {Unit | null} */ (null));

  /** @param {{value: readonly number[]}} layerSizes units of every layer, inputs and output included */
  constructor(layerSizes) {
    this.selected = unlessSame(() => {
      const chosen = this.#chosen.value;
      const sizes = layerSizes.value;
      if (!chosen) return null;
      const layer = Math.min(chosen.layer, sizes.length - 1);
      return { layer, unit: Math.min(chosen.unit, sizes[layer] - 1) };
    });
    this.lookedAt = unlessSame(() => {
      const looked = this.#looked.value;
      return looked && looked.unit < (layerSizes.value[looked.layer] ?? 0) ? looked : null;
    });
  }

  /** Chooses a unit; the one that is chosen already, no longer. @param {Unit} unit */
  select(unit) {
    const now = this.selected.value;
    const again = now !== null && now.layer === unit.layer && now.unit === unit.unit;
    this.#chosen.value = again ? null : unit;
  }

  /** @param {Unit | null} unit whose map shall fill the plane */
  look(unit) {
    this.#looked.value = unit;
  }
}
