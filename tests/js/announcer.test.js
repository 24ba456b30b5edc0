import './document.js';
import assert from 'node:assert/strict';
import test from 'node:test';
import { batch, effect } from '../../static/vendor/signals-core/signals-core.js';

const { Announcer } = await import('../../static/js/announcer.js');

test('of texts that come at once none is lost, nor one that was said before, and five stay', () => {
  const announcer = new Announcer();
  const seen = [];
  effect(() => {
    seen.push(announcer.lines.map(({ text }) => text));
  });
  batch(() => {
    announcer.say('12 of 16 find it');
    announcer.say('Done: Luck, counted');
  });
  announcer.say('');
  announcer.say('There is no point here');
  const [, , third] = announcer.lines;
  announcer.say('There is no point here');
  assert.notEqual(announcer.lines[3], third);
  const here = 'There is no point here';
  assert.deepEqual(seen, [
    [],
    ['12 of 16 find it', 'Done: Luck, counted'],
    ['12 of 16 find it', 'Done: Luck, counted', here],
    ['12 of 16 find it', 'Done: Luck, counted', here, here],
  ]);
  announcer.say('Paused');
  announcer.say('Training');
  assert.deepEqual(seen.at(-1), ['Done: Luck, counted', here, here, 'Paused', 'Training']);
});
