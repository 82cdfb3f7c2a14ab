import { check } from '../../problems/schema-problems.js';
import { checkTemplate } from '../extension/config-check.js';
import { fill } from '../extension/template.js';
import { z } from 'zod';
import { Messages } from './messages.js';

const problemsOf = (messages: unknown): string[] =>
  check(Messages, messages).problems?.map(({ path, message }) => `${path.join('.')} ${message}`) ?? [];

const USER = { role: 'user', content: 'Hi' };
const CALL = { type: 'tool-call', toolCallId: 'a', toolName: 'find', input: { name: 'Ada' } };
const RESULT = {
  type: 'tool-result',
  toolCallId: 'a',
  toolName: 'find',
  output: { type: 'text', value: 'found' },
};
const assistant = (...content: object[]) => ({ role: 'assistant', content });
const tool = (...content: object[]) => ({ role: 'tool', content });
const user = (...content: unknown[]) => ({ role: 'user', content });
const withOutput = (output: unknown) => [USER, assistant(CALL), tool({ ...RESULT, output })];

it('accepts a conversation with all kinds of messages and parts', () => {
  const messages = [
    {
      role: 'system',
      content: 'Be brief.',
      providerOptions: { anthropic: { cacheControl: { type: 'ephemeral' } } },
    },
    { role: 'system', content: 'Be kind.' },
    user(
      { type: 'text', text: 'What is this?' },
      { type: 'image', image: 'https://example.com/cat.png', mediaType: 'image/png' },
      { type: 'image', image: 'iVBORw0KGgo=' },
      { type: 'image', image: 'data:image/gif;base64,R0lGODlh', mediaType: null },
      { type: 'file', data: 'data:,hello', mediaType: 'text/plain', filename: 'a.txt' },
      { type: 'file', data: { type: 'url', url: 'https://example.com/a.pdf' }, mediaType: 'application/pdf' },
      { type: 'file', data: { type: 'data', data: 'JVBERi0=' }, mediaType: 'application' },
      { type: 'file', data: { type: 'text', text: 'hello' }, mediaType: 'text/plain' },
      { type: 'file', data: { type: 'reference', reference: { anthropic: 'file_1' } }, mediaType: 'image/*' },
    ),
    assistant(
      { type: 'reasoning', text: '', providerOptions: { anthropic: { signature: 's' } } },
      { type: 'text', text: 'I look.' },
      { type: 'tool-call', toolCallId: 's', toolName: 'search', input: null, providerExecuted: true },
      { ...RESULT, toolCallId: 's', toolName: 'search', output: { type: 'json', value: [1] } },
      CALL,
      { ...CALL, toolCallId: 'b' },
    ),
    tool(RESULT),
    tool({
      ...RESULT,
      toolCallId: 'b',
      output: {
        type: 'content',
        value: [
          { type: 'text', text: 'see' },
          { type: 'file', data: { type: 'data', data: 'iVBORw0KGgo=' }, mediaType: 'image/png' },
        ],
      },
    }),
    { role: 'assistant', content: 'A cat.' },
    { role: 'user', content: 'Sure?' },
  ];
  expect(problemsOf(messages)).toEqual([]);
});

it.each([
  { type: 'error-text', value: 'no' },
  { type: 'error-json', value: { code: 1 } },
  { type: 'execution-denied' },
])('accepts the output %j of a tool', (output) => {
  expect(problemsOf(withOutput(output))).toEqual([]);
});

it.each([
  [
    'text',
    'Hi',
    [
      ' must be a list of messages, or exactly one placeholder that gives such a list, such as {{input.messages}}',
    ],
  ],
  [
    'an object',
    USER,
    [
      ' must be a list of messages, or exactly one placeholder that gives such a list, such as {{input.messages}}',
    ],
  ],
  ['an empty list', [], [' must have a message for the model']],
  ['a text as a message', ['Hi'], ['0 must be a message: an object with the member role']],
  ['null as a message', [null], ['0 must be a message: an object with the member role']],
  ['a list as a message', [[USER]], ['0 must be a message: an object with the member role']],
  ['no role', [{ content: 'Hi' }], ['0.role must be one of user, assistant, tool, system']],
  [
    'a role with a typing error',
    [{ role: 'asistant', content: 'Hi' }],
    ['0.role "asistant" is not known: did you mean assistant?'],
  ],
  [
    'a role of another API',
    [{ role: 'developer', content: 'Hi' }],
    ['0.role "developer" is not known: use one of user, assistant, tool, system'],
  ],
  [
    'a role that objects inherit',
    [{ role: '__proto__', content: 'Hi' }],
    ['0.role "__proto__" is not known: use one of user, assistant, tool, system'],
  ],
  ['no content', [{ role: 'user' }], ['0.content is required']],
  ['an empty text', [{ role: 'user', content: '' }], ['0.content must not be empty: remove it']],
  ['no parts', [user()], ['0.content must not be empty: remove the message']],
  [
    'a number as the content',
    [{ role: 'user', content: 5 }],
    [
      '0.content must be text or a list of parts. To insert another value, use a part { "type": "text", "text": "…" }',
    ],
  ],
  [
    'an object as the content',
    [{ role: 'user', content: { type: 'text', text: 'Hi' } }],
    [
      '0.content must be text or a list of parts. To insert another value, use a part { "type": "text", "text": "…" }',
    ],
  ],
  ['an unknown member', [{ ...USER, contents: [] }], ['0.contents is not known: did you mean content?']],
  [
    'the member parts of the UI form',
    [{ role: 'user', parts: [{ type: 'text', text: 'Hi' }] }],
    [
      '0.content is required',
      '0.parts is not known: remove it, or use one of role, content, providerOptions',
    ],
  ],
  [
    'a part as text',
    [user('Hi')],
    ['0.content.0 must be a part of a message: an object with the member type'],
  ],
  [
    'a part of the OpenAI form',
    [user({ type: 'image_url', image_url: { url: 'https://example.com' } })],
    ['0.content.0.type "image_url" is not known: use one of text, image, file'],
  ],
  [
    'a type with a typing error',
    [user({ type: 'imgae', image: 'AAAA' })],
    ['0.content.0.type "imgae" is not known: did you mean image?'],
  ],
  [
    'a call of a tool by the user',
    [user(CALL)],
    ['0.content.0.type "tool-call" is not known: use one of text, image, file'],
  ],
  [
    'a text without its text',
    [user({ type: 'text', content: 'Hi' })],
    [
      expect.stringMatching(/^0\.content\.0\.text /),
      expect.stringMatching(/^0\.content\.0\.content is not known/),
    ],
  ],
  [
    'an image at a file address',
    [user({ type: 'image', image: 'file:///etc/passwd' })],
    ['0.content.0.image cannot be loaded: file: is not allowed: use http:// or https://.'],
  ],
  [
    'an image with a password',
    [user({ type: 'image', image: 'https://a:b@example.com/' })],
    [
      '0.content.0.image cannot be loaded: A URL may not hold a user name or password: send an Authorization header.',
    ],
  ],
  [
    'an image that is neither',
    [user({ type: 'image', image: 'cat.png' })],
    ['0.content.0.image is neither a URL such as https://example.com/cat.png nor valid base64'],
  ],
  [
    'base64 of a wrong length',
    [user({ type: 'image', image: 'AAAAA' })],
    ['0.content.0.image is neither a URL such as https://example.com/cat.png nor valid base64'],
  ],
  ['an empty image', [user({ type: 'image', image: '' })], ['0.content.0.image has no data']],
  [
    'a data URL without a comma',
    [user({ type: 'image', image: 'data:image/png;base64' })],
    ['0.content.0.image is a data URL without a comma before its data'],
  ],
  [
    'a data URL with wrong base64',
    [user({ type: 'image', image: 'data:image/png;base64,%%' })],
    ['0.content.0.image is a data URL with a percent sign that begins no valid encoding'],
  ],
  [
    'an empty data URL',
    [user({ type: 'image', image: 'data:image/png;base64,' })],
    ['0.content.0.image has no data'],
  ],
  [
    'bytes as an object',
    [user({ type: 'image', image: { 0: 137, 1: 80 } })],
    [expect.stringMatching(/^0\.content\.0\.image .*expected string/)],
  ],
  [
    'a file without a media type',
    [user({ type: 'file', data: 'AAAA' })],
    [expect.stringMatching(/^0\.content\.0\.mediaType /)],
  ],
  [
    'a media type that would end a header',
    [user({ type: 'file', data: 'AAAA', mediaType: 'a/b\r\nx: y' })],
    ['0.content.0.mediaType must be a media type such as image/png or application/pdf'],
  ],
  [
    'data of a file as a list',
    [user({ type: 'file', data: [1], mediaType: 'a/b' })],
    ['0.content.0.data must be the data of a file: an object with the member type'],
  ],
  [
    'data of a file of an unknown kind',
    [user({ type: 'file', data: { type: 'uri', uri: 'x' }, mediaType: 'a/b' })],
    ['0.content.0.data.type "uri" is not known: did you mean url?'],
  ],
  [
    'provider options that are no objects',
    [{ ...USER, providerOptions: { anthropic: 1 } }],
    [expect.stringMatching(/^0\.providerOptions\.anthropic /)],
  ],
  [
    'an output of a tool as text',
    withOutput('found'),
    ['2.content.0.output must be the output of a tool: an object with the member type'],
  ],
  [
    'an output of an unknown type',
    withOutput({ type: 'texts', value: 'x' }),
    ['2.content.0.output.type "texts" is not known: did you mean text?'],
  ],
  [
    'an image in an old form in an output',
    withOutput({ type: 'content', value: [{ type: 'image-data', data: 'AAAA', mediaType: 'image/png' }] }),
    ['2.content.0.output.value.0.type "image-data" is not known: use one of text, file'],
  ],
  [
    'text as the content of a tool',
    [USER, assistant(CALL), { role: 'tool', content: 'found' }],
    [expect.stringMatching(/^2\.content .*expected array/)],
  ],
  [
    'a call without a result',
    [USER, assistant(CALL), USER],
    [
      '1.content.0 calls the tool find and has no result: add a message of the role tool after it, or remove the call',
    ],
  ],
  [
    'a call with a late result',
    [USER, assistant(CALL), USER, tool(RESULT)],
    [
      expect.stringMatching(/^1\.content\.0 calls/),
      expect.stringMatching(/^3\.content\.0\.toolCallId is the id of no call/),
    ],
  ],
  [
    'a result without a call',
    [USER, tool(RESULT)],
    [expect.stringMatching(/^1\.content\.0\.toolCallId is the id of no call/)],
  ],
  [
    'a second result of a call',
    [USER, assistant(CALL), tool(RESULT, RESULT)],
    [expect.stringMatching(/^2\.content\.1\.toolCallId is the id of no call/)],
  ],
  [
    'two calls with one id',
    [USER, assistant(CALL, CALL), tool(RESULT)],
    ['1.content.1.toolCallId is also the id of another call: give each call its own'],
  ],
  [
    'the model as the last speaker',
    [USER, { role: 'assistant', content: 'Hi' }],
    ['1 must not be the last message: a model answers a message of the role user or tool, not assistant'],
  ],
  [
    'only a system message',
    [{ role: 'system', content: 'x' }],
    ['0 must not be the last message: a model answers a message of the role user or tool, not system'],
  ],
  [
    'a system message in the middle',
    [USER, { role: 'system', content: 'x' }, USER],
    ['1.role must come first: messages of the role system begin the conversation'],
  ],
  [
    'parts in a system message',
    [{ role: 'system', content: [{ type: 'text', text: 'x' }] }, USER],
    [expect.stringMatching(/^0\.content .*expected string/)],
  ],
  ['too many messages', Array.from({ length: 1_001 }, () => USER), [' must have at most 1000 messages']],
  [
    'too many parts',
    [user(...Array.from({ length: 1_001 }, () => ({ type: 'text', text: 'x' })))],
    [expect.stringMatching(/^0\.content .*<=1000/)],
  ],
  [
    'a text that is too long',
    [{ role: 'user', content: 'x'.repeat(1_000_001) }],
    [expect.stringMatching(/^0\.content .*<=1000000/)],
  ],
])('refuses %s', (_what, messages, problems) => {
  expect(problemsOf(messages)).toEqual(problems);
});

describe('with placeholders', () => {
  const schema = z.strictObject({ messages: Messages });
  const context = { nodes: { has: () => false }, schema };
  const posted = (messages: unknown) =>
    checkTemplate({ messages }, context, (config) => check(schema, config)).problems.map(
      ({ path, message }) => `${path.join('.')} ${message}`,
    );
  /** Whether the other fields of the config can be checked, because the messages have a sample. */
  const isChecked = (messages: unknown) =>
    checkTemplate({ messages }, context, (config) => check(schema, config)).data !== undefined;
  const filled = (messages: unknown, input: unknown) => {
    const scope = { input, outputs: new Map(), errors: new Map(), execution: { id: 'e', projectId: 'p' } };
    return check(schema, fill({ messages }, context, scope as never, 100_000)).data?.messages;
  };

  it.each([
    ['a placeholder for the list', '{{input.messages}}'],
    ['a placeholder for a message', [USER, '{{input.message}}']],
    ['a placeholder for the content', [{ role: 'user', content: '{{input.parts}}' }]],
    ['a placeholder for a part', [user('{{input.part}}')]],
    ['placeholders in texts', [user({ type: 'text', text: 'Hi {{input.name}}' })]],
    ['placeholders in addresses', [user({ type: 'image', image: 'https://example.com/{{input.name}}.png' })]],
    ['a placeholder for a role', [{ role: '{{input.role}}', content: 'Hi' }]],
    [
      'placeholders for ids',
      [
        USER,
        assistant({ ...CALL, toolCallId: '{{input.a}}' }),
        tool({ ...RESULT, toolCallId: '{{input.b}}' }),
      ],
    ],
  ])('accepts %s', (_what, messages) => {
    expect(posted(messages)).toEqual([]);
    expect(isChecked(messages)).toBe(true);
  });

  it.each([
    ['text', 'Hi'],
    ['text around a placeholder', 'Hi {{input.name}}'],
    ['two placeholders', '{{input.a}}{{input.b}}'],
  ])('refuses %s as the list', (_what, messages) => {
    expect(posted(messages)).toEqual([
      'messages must be a list of messages, or exactly one placeholder that gives such a list, such as {{input.messages}}',
    ]);
  });

  it('inserts lists and parts as they are, texts as text, and encodes what it inserts into an address', () => {
    expect(filled('{{input}}', [USER])).toEqual([USER]);
    expect(
      filled([{ role: 'user', content: '{{input.parts}}' }], { parts: [{ type: 'text', text: 'x' }] }),
    ).toEqual([user({ type: 'text', text: 'x' })]);
    expect(filled([user({ type: 'text', text: '{{input}}' })], { a: 1 })).toEqual([
      user({ type: 'text', text: '{"a":1}' }),
    ]);
    expect(filled([user({ type: 'image', image: 'https://example.com/{{input}}' })], 'a/b?c')).toEqual([
      user({ type: 'image', image: 'https://example.com/a%2Fb%3Fc' }),
    ]);
    const [message] = filled([user({ type: 'image', image: 'data:image/png;base64,{{input}}' })], 'ab+/')!;
    expect(message!.content[0]).toMatchObject({ image: 'data:image/png;base64,ab%2B%2F' });
  });
});
