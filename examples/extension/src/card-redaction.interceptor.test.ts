import type { InterceptedStep } from '@cloutagent/server';
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { CardRedaction } from './card-redaction.interceptor.js';

const redaction = new CardRedaction();
const step = {} as InterceptedStep;

it('hides card numbers in texts, numbers and nested values', () => {
  const output = { text: 'card 4111-1111-1111-1111.', list: [4111111111111111, 41, true, null] };
  assert.deepEqual(redaction.output(step, output), {
    text: 'card [card].',
    list: ['[card]', 41, true, null],
  });
});

it('shows no chunk that may be a part of a number', () => {
  const chunk = (text: string) => ({ type: 'execution:output' as const, chunk: text });
  assert.deepEqual(redaction.event(step, chunk('Your card ')), chunk('Your card '));
  assert.equal(redaction.event(step, chunk('4111 1111 ')), null);
  assert.equal(redaction.event(step, chunk('1111 1111.')), null);
});

it('hides card numbers in events, results of tools and errors', () => {
  const custom = { type: 'execution:custom' as const, name: 'team.card', value: '4111111111111111' };
  assert.deepEqual(redaction.event(step, custom), { ...custom, value: '[card]' });
  const result = { result: { card: '4111111111111111' }, isError: false };
  const call = { toolId: 'call-1', toolName: 'customers/search', args: {} };
  assert.deepEqual(redaction.afterToolCall(step, call, result), { ...result, result: { card: '[card]' } });
  const failure = { code: 'declined', message: 'Card 4111111111111111 was declined.' };
  assert.deepEqual(redaction.onError(step, failure), { ...failure, message: 'Card [card] was declined.' });
});
