import { testRun } from '../../../test/support/node-run.js';
import { SecretRedactor } from '../../config/secret-redactor.js';
import { AnswerReader } from './answer-reader.js';

const reader = () =>
  new AnswerReader({ run: testRun({}), maxBytes: 1_000, maxDepth: 100, secrets: () => new SecretRedactor() });

it('gives calls ids that can be stored as they are, the same in the message', async () => {
  const read = reader();
  for (const toolCallId of ['a\0b', '\ud800c', 'a\uFFFDb', ''])
    await read.take({ type: 'tool-call', toolCallId, toolName: 'pay', input: '{}' });
  const { calls, content } = await read.answer();
  const ids = calls.map(({ toolId }) => toolId);
  expect(ids).toEqual(['a\uFFFDb', '\uFFFDc', 'a\uFFFDb_3', 'call_4']);
  expect(content.map((part) => 'toolCallId' in part && part.toolCallId)).toEqual(ids);
});

it('counts the characters of an input once, whether it was streamed or not', async () => {
  const read = reader();
  await read.take({ type: 'tool-input-start', id: 'a', toolName: 'pay' });
  await read.take({ type: 'tool-input-delta', id: 'a', delta: '{"a":' });
  await read.take({ type: 'tool-input-delta', id: 'a', delta: '1}' });
  await read.take({ type: 'tool-input-end', id: 'a' });
  await read.take({ type: 'tool-call', toolCallId: 'a', toolName: 'pay', input: '{"a":1}' });
  await read.take({ type: 'tool-call', toolCallId: 'b', toolName: 'pay', input: '{}' });
  expect((await read.answer()).characters).toBe('{"a":1}{}'.length);
});

it('limits the reasoning of an answer, also in many parts', async () => {
  const read = reader();
  const think = (id: string) => read.take({ type: 'reasoning-delta', id, delta: 'x'.repeat(400) });
  await think('1');
  await think('2');
  await expect(think('3')).rejects.toMatchObject({ code: 'output_too_large' });
});
