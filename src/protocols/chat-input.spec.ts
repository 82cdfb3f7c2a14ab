import { answerNodes, answerText } from './answer-nodes.js';
import { inputOf } from './chat-input.js';

const messages = [{ role: 'user', content: 'Hello' }];
const chat = { messages, text: 'Hello', threadId: 't', data: { page: 1 } };
const whole = { messages, text: 'Hello', threadId: 't', data: { page: 1 } };

it.each([
  ['no schema', undefined, whole],
  ['null', null, whole],
  ['a text', { type: 'string' }, 'Hello'],
  ['an object', { type: 'object', properties: { other: {} } }, whole],
  [
    'an object with some of them',
    { additionalProperties: false, properties: { text: {}, other: {} } },
    { text: 'Hello' },
  ],
  ['an object with none of them', { additionalProperties: false, properties: { question: {} } }, whole],
  ['an object without properties', { additionalProperties: false }, whole],
])('the input for an inputSchema that is %s', (_what, schema, input) => {
  expect(inputOf(chat, schema)).toEqual(input);
});

it('the input is the JSON object in the text, if the schema has none of the members of a chat', () => {
  const schema = { additionalProperties: false, properties: { question: {} } };
  expect(inputOf({ ...chat, text: ' {"question":"Why?"}' }, schema)).toEqual({ question: 'Why?' });
  expect(inputOf({ ...chat, text: '{"question":' }, schema)).toEqual({ ...whole, text: '{"question":' });
});

it('the input leaves out what the client does not send', () => {
  expect(inputOf({ messages, text: 'Hello' }, undefined)).toEqual({ messages, text: 'Hello' });
});

it('answerNodes gives the nodes that no edge leaves', () => {
  const node = (id: string) => ({ id, type: 'delay', data: { config: {} } });
  const edges = [
    { source: 'a', target: 'b' },
    { source: 'a', target: 'c' },
  ];
  expect(answerNodes({ nodes: ['c', 'a', 'b'].map(node), edges })).toEqual(['c', 'b']);
});

it.each([
  ['text', 'text'],
  [null, ''],
  [undefined, ''],
  [0, '0'],
  [{ a: [1] }, '{"a":[1]}'],
])('answerText(%j) is %j', (output, text) => expect(answerText(output)).toBe(text));
