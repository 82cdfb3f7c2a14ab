import { errorInfo, messageOf } from './error-info.js';

const secrets = { text: (text: string) => text.replaceAll('secret', '[redacted]') };
const revoked = (): unknown => {
  const { proxy, revoke } = Proxy.revocable(new Error('x'), {});
  revoke();
  return proxy;
};
const throwing = (name: string): Error =>
  Object.defineProperty(new Error('x'), name, {
    get: () => {
      throw new Error('getter');
    },
  });

it.each([
  ['a text', 'text', 'text'],
  ['nothing', undefined, 'undefined'],
  ['a symbol', Symbol('s'), 'Symbol(s)'],
  ['an error', new Error('message'), 'message'],
  ['an error whose message is a number', Object.assign(new Error('x'), { message: 42 }), /./],
  ['an error whose message cannot be read', throwing('message'), /./],
  ['a revoked proxy', revoked(), /./],
  [
    'an object that has no text',
    { toJSON: () => undefined, toString: () => 1, [Symbol.toPrimitive]: 1 },
    /./,
  ],
])('messageOf and errorInfo describe %s', (_what, value, expected) => {
  expect(messageOf(value)).toEqual(typeof expected === 'string' ? expected : expect.stringMatching(expected));
  expect(errorInfo(value, secrets)).toMatchObject({ name: expect.any(String), message: messageOf(value) });
});

it.each(['name', 'stack', 'cause', 'code', 'errors'])(
  'errorInfo describes an error whose %s cannot be read',
  (name) => {
    expect(errorInfo(throwing(name), secrets)).toMatchObject({ message: 'x' });
  },
);

it('errorInfo redacts secrets in an error that it cannot read', () => {
  const error = throwing('cause');
  error.message = 'a secret';
  expect(errorInfo(error, secrets).message).toBe('a [redacted]');
});
