import type { Step } from '@cloutagent/contract';
import { incompleteText } from './finish.js';

describe('incompleteText', () => {
  it.each<[string, Pick<Step, 'status' | 'finishReason' | 'incomplete'>, string | undefined]>([
    ['a whole answer', { status: 'completed', finishReason: 'stop' }, undefined],
    [
      'an answer that reached the limit',
      { status: 'completed', finishReason: 'length', incomplete: true },
      'The answer was cut off: length.',
    ],
    [
      'a filtered answer of a step that failed',
      { status: 'failed', finishReason: 'content-filter', incomplete: true },
      'The answer was cut off: content-filter.',
    ],
    [
      'an answer without a known reason',
      { status: 'completed', finishReason: 'other', incomplete: true },
      'The answer was cut off for an unknown reason.',
    ],
    [
      'an answer that broke off in a step that is retried',
      { status: 'retrying', finishReason: 'interrupted', incomplete: true },
      'An answer of the model may have broken off (interrupted), so some of its tokens may not be counted.',
    ],
    [
      'a step that a crash has ended',
      { status: 'retrying', incomplete: true },
      'An answer of the model may have broken off, so some of its tokens may not be counted.',
    ],
  ])('describes %s', (_what, step, text) => {
    expect(incompleteText(step)).toBe(text);
  });
});
