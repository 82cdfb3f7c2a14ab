import { Messages } from '../../engine/agents/messages.js';
import { modelMessages, newestText, snapshotMessages } from './model-messages.js';
import type { AgUiMessage } from './run-agent-input.js';

const call = (id: string, name: string, args: string) => ({
  id,
  type: 'function',
  function: { name, arguments: args },
});

describe('modelMessages', () => {
  test('keeps the conversation, and puts results right after their calls', () => {
    const messages: AgUiMessage[] = [
      { id: '1', role: 'user', content: 'Find it.' },
      { id: '2', role: 'reasoning', content: 'I think.' },
      {
        id: '3',
        role: 'assistant',
        content: 'I search.',
        toolCalls: [call('a', 'search', '{"q":1}'), call('b', 'search', 'no JSON'), call('c', 'lost', '{}')],
      },
      { id: '4', role: 'activity', activityType: 'x', content: {} },
      { id: '5', role: 'tool', toolCallId: 'b', content: '', error: 'It failed.' },
      { id: '6', role: 'tool', toolCallId: 'a', content: [{ type: 'text', text: 'found' }] },
      { id: '7', role: 'tool', toolCallId: 'unknown', content: 'x' },
      { id: 'work-8', role: 'assistant', content: 'A draft.', toolCalls: [call('d', 'x', '{}')] },
      { id: '9', role: 'tool', toolCallId: 'd', content: 'x' },
      { id: '10', role: 'assistant', content: null, toolCalls: null },
      { id: '11', role: 'developer', content: 'Be short.' },
      { id: '12', role: 'user', content: 'And now?' },
    ];
    const translated = modelMessages(messages);
    expect(translated).toEqual([
      { role: 'system', content: 'Be short.' },
      { role: 'user', content: 'Find it.' },
      {
        role: 'assistant',
        content: [
          { type: 'text', text: 'I search.' },
          { type: 'tool-call', toolCallId: 'a', toolName: 'search', input: { q: 1 } },
          { type: 'tool-call', toolCallId: 'b', toolName: 'search', input: 'no JSON' },
        ],
      },
      {
        role: 'tool',
        content: [
          {
            type: 'tool-result',
            toolCallId: 'a',
            toolName: 'search',
            output: { type: 'text', value: 'found' },
          },
          {
            type: 'tool-result',
            toolCallId: 'b',
            toolName: 'search',
            output: { type: 'error-text', value: 'It failed.' },
          },
        ],
      },
      { role: 'user', content: 'And now?' },
    ]);
    expect(Messages.safeParse(translated).success).toBe(true);
    expect(snapshotMessages(messages).map(({ id }) => id)).not.toContain('2');
    expect(snapshotMessages(messages).find(({ id }) => id === '10')).toEqual({ id: '10', role: 'assistant' });
  });

  test('passes files on, and leaves out parts that it cannot pass on', () => {
    const content = [
      { type: 'text', text: 'See these.' },
      { type: 'image', source: { type: 'data', value: 'aGk=', mimeType: 'image/png' } },
      { type: 'image', source: { type: 'url', value: 'https://example.com/cat' } },
      { type: 'document', source: { type: 'file', value: 'file-1', provider: 'openai' } },
      { type: 'document', source: { type: 'file', value: 'file-2' } },
      { type: 'hologram', source: { type: 'url', value: 'https://example.com/x' } },
      { type: 'audio' },
      { type: 'text', text: '' },
    ];
    const translated = modelMessages([{ id: '1', role: 'user', content }]);
    expect(translated).toEqual([
      {
        role: 'user',
        content: [
          { type: 'text', text: 'See these.' },
          { type: 'file', data: 'aGk=', mediaType: 'image/png' },
          { type: 'file', data: 'https://example.com/cat', mediaType: 'image' },
          {
            type: 'file',
            data: { type: 'reference', reference: { openai: 'file-1' } },
            mediaType: 'application/pdf',
          },
        ],
      },
    ]);
    expect(Messages.safeParse(translated).error).toBeUndefined();
    expect(newestText([{ id: '1', role: 'user', content }])).toBe('See these.\n');
  });

  test('has no text without a message of the user', () => {
    expect(newestText([{ id: '1', role: 'system', content: 'x' }])).toBe('');
    expect(modelMessages([])).toEqual([]);
  });
});
