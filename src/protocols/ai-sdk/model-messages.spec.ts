import { conversationProblems, Messages } from '../../engine/agents/messages.js';
import { ChatRequest } from './chat-request.js';
import { modelMessages } from './model-messages.js';

const convert = (...messages: object[]) =>
  modelMessages(ChatRequest.parse({ id: 'c', messages }).messages) as unknown as Messages;
const user = (...parts: object[]) => ({ id: 'u', role: 'user', parts });
const answer = (...parts: object[]) => ({ id: 'a', role: 'assistant', parts });
const text = (value: string) => ({ type: 'text', text: value });
const call = (toolCallId: string, more: object) => ({
  type: 'dynamic-tool',
  toolName: 'find',
  toolCallId,
  input: { q: 1 },
  toolMetadata: { nodeId: 'n', isCall: true },
  ...more,
});

describe('modelMessages', () => {
  it('makes a conversation that an agent takes', () => {
    const messages = convert(
      { role: 'system', parts: [text('Be kind.')] },
      user(text('Look at this'), {
        type: 'file',
        mediaType: 'image/png',
        url: 'data:image/png;base64,AAAA',
        filename: 'a.png',
      }),
      answer(
        { type: 'data-node', id: 'n', data: {} },
        { type: 'step-start' },
        { type: 'reasoning', text: 'Hm.', state: 'done' },
        text('I look.'),
        call('call_1~7', { state: 'output-available', output: { n: 2 } }),
        call('call_2~8', { state: 'output-error', errorText: 'no' }),
        { type: 'step-start' },
        call('call_3~12', { state: 'output-denied', approval: { id: 'w', approved: false, reason: 'No!' } }),
        { type: 'step-start' },
        text('It is a cat.'),
        { type: 'source-url', sourceId: 's', url: 'https://example.com' },
      ),
      user(text('Thanks'), text('')),
    );
    expect(messages).toEqual([
      { role: 'system', content: 'Be kind.' },
      {
        role: 'user',
        content: [
          { type: 'text', text: 'Look at this' },
          { type: 'file', data: 'data:image/png;base64,AAAA', mediaType: 'image/png', filename: 'a.png' },
        ],
      },
      {
        role: 'assistant',
        content: [
          { type: 'text', text: 'I look.' },
          { type: 'tool-call', toolCallId: 'call_1', toolName: 'find', input: { q: 1 } },
          { type: 'tool-call', toolCallId: 'call_2', toolName: 'find', input: { q: 1 } },
        ],
      },
      {
        role: 'tool',
        content: [
          {
            type: 'tool-result',
            toolCallId: 'call_1',
            toolName: 'find',
            output: { type: 'json', value: { n: 2 } },
          },
          {
            type: 'tool-result',
            toolCallId: 'call_2',
            toolName: 'find',
            output: { type: 'error-text', value: 'no' },
          },
        ],
      },
      {
        role: 'assistant',
        content: [{ type: 'tool-call', toolCallId: 'call_3', toolName: 'find', input: { q: 1 } }],
      },
      {
        role: 'tool',
        content: [
          {
            type: 'tool-result',
            toolCallId: 'call_3',
            toolName: 'find',
            output: { type: 'execution-denied', reason: 'No!' },
          },
        ],
      },
      { role: 'assistant', content: [{ type: 'text', text: 'It is a cat.' }] },
      { role: 'user', content: [{ type: 'text', text: 'Thanks' }] },
    ]);
    expect(conversationProblems(Messages.parse(messages))).toEqual([]);
  });

  it('leaves out calls without a result, approvals of nodes, and messages without content', () => {
    expect(
      convert(
        user(text('x')),
        answer(call('c~1', { state: 'input-available' }), call('d~2', { state: 'approval-responded' })),
        answer(
          call('w', {
            state: 'output-available',
            output: {},
            toolName: 'approval',
            toolMetadata: { isCall: false },
          }),
        ),
        user(text('y')),
      ).map(({ role }) => role),
    ).toEqual(['user', 'user']);
  });

  it('keeps ids apart that two calls of an answer have in common', () => {
    const done = { state: 'output-available', output: 'x' };
    const messages = convert(
      user(text('x')),
      answer(call('call_1~3', done), call('call_1~9', done)),
      user(text('y')),
    );
    expect(conversationProblems(Messages.parse(messages))).toEqual([]);
    expect(JSON.stringify(messages)).toContain('"call_1_9"');
  });

  it('puts a text that follows results in the same step after them', () => {
    const messages = convert(
      user(text('x')),
      answer(call('a~1', { state: 'output-available', output: 'y' }), text('done')),
      user(text('z')),
    );
    expect(messages.map(({ role }) => role)).toEqual(['user', 'assistant', 'tool', 'assistant', 'user']);
  });

  it.each([
    [{ type: 'text' }, 'messages.0.parts.0.text'],
    [{ type: 'file', mediaType: 'image/png' }, 'messages.0.parts.0.url'],
    [{ type: 'file', url: 'https://example.com/a' }, 'messages.0.parts.0.mediaType'],
  ])('refuses the part %j', (part, path) => {
    expect(() => convert(user(part))).toThrow(
      expect.objectContaining({ extra: { errors: [expect.objectContaining({ path })] } }),
    );
  });
});
