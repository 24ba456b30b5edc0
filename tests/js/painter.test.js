import assert from 'node:assert/strict';
import test from 'node:test';

globalThis.matchMedia = () => ({ matches: false, addEventListener: () => {} });
/** One whose file does not come. */
globalThis.Worker = class extends EventTarget {
  postMessage({ type }) {
    if (type === 'snapshot') this.dispatchEvent(new Event('error'));
  }
};
globalThis.ErrorEvent ??= class extends Event {};
const { Painter } = await import('../../static/js/painting/painter.js');

test('a snapshot that nobody draws does not keep anyone waiting', async () => {
  let missing = 0;
  const painter = new Painter({ missing: () => missing++ });
  for (let time = 0; time < 2; time++) await assert.rejects(painter.snapshot({}, {}), /does not answer/);
  assert.equal(missing, 1);
});
