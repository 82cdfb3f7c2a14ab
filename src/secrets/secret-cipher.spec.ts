import fc from 'fast-check';
import { randomBytes } from 'node:crypto';
import { parseSettings } from '../config/settings.js';
import { SecretCipher } from './secret-cipher.js';

const key = (id: string): string => `${id}:${randomBytes(32).toString('base64')}`;
const cipherOf = (...keys: string[]): SecretCipher =>
  new SecretCipher(parseSettings({ SECRETS_KEY: keys.join(',') }));
const CONTEXT = ['demo', 'CRM_TOKEN', 'version'];

it('decrypts any text that it has encrypted, each time by another nonce', () => {
  const cipher = cipherOf(key('a'));
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), fc.array(fc.string()), (text, context) => {
      const one = cipher.seal(text, context);
      const other = cipher.seal(text, context);
      expect(cipher.open(one, context)).toBe(text);
      expect(one.sealed.equals(other.sealed)).toBe(false);
      expect(one.sealed.subarray(0, 12).equals(other.sealed.subarray(0, 12))).toBe(false);
    }),
  );
});

it('encrypts by the first key and decrypts by all of them', () => {
  const [old, fresh] = [key('old'), key('new')];
  const sealed = cipherOf(old).seal('the value', CONTEXT);
  const both = cipherOf(fresh, old);
  expect(both.open(sealed, CONTEXT)).toBe('the value');
  expect(both.seal('the value', CONTEXT).keyId).toBe('new');
  expect(both.keyIds).toEqual(['new', 'old']);
  expect(() => cipherOf(fresh).open(sealed, CONTEXT)).toThrow('SECRETS_KEY has no key with the id old');
});

it('does not decrypt a changed byte, another context, or the value of another key with the same id', () => {
  const cipher = cipherOf(key('a'));
  const { keyId, sealed } = cipher.seal('the value', CONTEXT);
  for (let at = 0; at < sealed.length; at += 1) {
    const changed = Buffer.from(sealed);
    changed[at]! ^= 1;
    expect(() => cipher.open({ keyId, sealed: changed }, CONTEXT)).toThrow('does not decrypt');
  }
  for (const context of [[], ['demo', 'OTHER', 'version'], ['demo,CRM_TOKEN', 'version'], [...CONTEXT, '']])
    expect(() => cipher.open({ keyId, sealed }, context)).toThrow('does not decrypt');
  expect(() => cipherOf(key('a')).open({ keyId, sealed }, CONTEXT)).toThrow('does not decrypt');
  for (const length of [0, 1, 12, 27])
    expect(() => cipher.open({ keyId, sealed: sealed.subarray(0, length) }, CONTEXT)).toThrow('too short');
});

it('encrypts nothing without a key', () =>
  expect(() => new SecretCipher(parseSettings({})).seal('the value', CONTEXT)).toThrow('no SECRETS_KEY'));

it.each([
  ['no id', randomBytes(32).toString('base64'), 'key 1 has no id'],
  ['an empty key', 'a:', 'the key a has 0 bytes and must have 32'],
  ['a short key', `a:${randomBytes(31).toString('base64')}`, 'the key a has 31 bytes and must have 32'],
  ['a long key', `a:${randomBytes(33).toString('base64')}`, 'the key a has 33 bytes and must have 32'],
  ['hexadecimal digits', `a:${randomBytes(32).toString('hex')}`, 'the key a has 48 bytes and must have 32'],
  ['other characters', `a:${'é'.repeat(44)}`, 'the key a is not base64'],
  ['an id with a space', `a b:${randomBytes(32).toString('base64')}`, 'the id of key 1 must have'],
  ['one id twice', `${key('a')},${key('a')}`, 'two keys have the id a'],
  ['an empty entry', `${key('a')},`, 'key 2 has no id'],
])('refuses a SECRETS_KEY with %s, and does not show it', (_what, text, message) => {
  let shown = '';
  try {
    parseSettings({ SECRETS_KEY: text });
  } catch (error) {
    shown = (error as Error).message;
  }
  expect(shown).toContain(message);
  for (const part of text.split(/[:,]/).filter(({ length }) => length > 8)) expect(shown).not.toContain(part);
});

it('accepts keys in URL-safe base64 and with spaces after the commas', () => {
  const text = randomBytes(32).toString('base64url');
  expect(cipherOf(`a:${text}`, ` ${key('b')}`).keyIds).toEqual(['a', 'b']);
});
