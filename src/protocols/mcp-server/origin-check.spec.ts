import { isAllowedOrigin } from './origin-check.js';

const SETTINGS = { CORS_ORIGINS: ['https://app.example'], PUBLIC_URL: 'https://agents.example/base' };

it.each<[string | undefined, string, boolean]>([
  [undefined, 'evil.example', true],
  ['https://app.example', 'agents.example', true],
  ['https://agents.example', 'agents.example', true],
  ['http://localhost:5173', 'localhost:3000', true],
  ['http://127.0.0.1:3000', '127.0.0.1:3000', true],
  ['http://[::1]:3000', '[::1]:3000', true],
  // DNS rebinding: the page and the server have the same name.
  ['http://evil.example:3000', 'evil.example:3000', false],
  ['http://evil.example', 'localhost:3000', false],
  ['http://localhost:5173', 'agents.example', false],
  ['http://localhost.evil.example', 'localhost:3000', false],
  ['null', 'localhost:3000', false],
])('a request from %s to %s is allowed: %s', (origin, host, isAllowed) => {
  expect(isAllowedOrigin(origin, host, SETTINGS)).toBe(isAllowed);
});

it('CORS_ORIGINS=* allows every origin', () => {
  expect(isAllowedOrigin('https://any.example', 'x', { CORS_ORIGINS: ['*'], PUBLIC_URL: undefined })).toBe(
    true,
  );
});
