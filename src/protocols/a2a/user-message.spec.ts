import { Messages } from '../../engine/agents/messages.js';
import type { Message, Part } from './a2a-types.js';
import { inputOfMessage } from './user-message.js';

const message = (...parts: Part[]): Message => ({ messageId: 'm', role: 'ROLE_USER', parts });
const chat = (...parts: Part[]): Record<string, unknown> =>
  inputOfMessage(message(...parts), 'c1', [], null) as Record<string, unknown>;

describe('the input of a message', () => {
  it('is the conversation, whose messages an agent takes', () => {
    const input = inputOfMessage(
      message({ text: 'And now?' }),
      'c1',
      [{ message: message({ text: 'Hello' }), answer: 'Good day' }],
      null,
    ) as Record<string, unknown>;
    expect(input).toEqual({
      messages: [
        { role: 'user', content: 'Hello' },
        { role: 'assistant', content: 'Good day' },
        { role: 'user', content: 'And now?' },
      ],
      text: 'And now?',
      threadId: 'c1',
    });
    expect(Messages.safeParse(input['messages']).success).toBe(true);
  });

  it('has files by their data or address, and data as text', () => {
    const input = chat(
      { text: 'What is this?' },
      { raw: 'aGk=', mediaType: 'text/plain', filename: 'hi.txt' },
      { url: 'https://example.com/cat.png', mediaType: 'image/png' },
      { data: { a: 1 } },
    );
    expect(input).toEqual({
      messages: [
        {
          role: 'user',
          content: [
            { type: 'text', text: 'What is this?' },
            { type: 'file', data: 'aGk=', mediaType: 'text/plain', filename: 'hi.txt' },
            { type: 'file', data: 'https://example.com/cat.png', mediaType: 'image/png' },
            { type: 'text', text: '{"a":1}' },
          ],
        },
      ],
      text: 'What is this?',
      threadId: 'c1',
      data: { a: 1 },
    });
    expect(Messages.safeParse(input['messages']).success).toBe(true);
  });

  it('is the object of a data part alone, if the workflow takes an object', () => {
    const data = message({ data: { topic: 'tea' } });
    const read = (schema: unknown) => inputOfMessage(data, 'c1', [], schema);
    expect(read({ type: 'object', properties: { topic: {} } })).toEqual({ topic: 'tea' });
    expect(read({ type: 'string' })).toBe('{"topic":"tea"}');
    expect(read(null)).toMatchObject({ text: '{"topic":"tea"}', data: { topic: 'tea' } });
  });

  it('is the text, if the workflow takes a text', () => {
    expect(inputOfMessage(message({ text: 'a' }, { text: 'b' }), 'c1', [], { type: 'string' })).toBe('a\nb');
  });
});
