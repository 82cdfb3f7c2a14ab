import { seal, unseal } from './sealed-answer.js';

describe('a sealed answer', () => {
  const secret = { credential: 'ca_key', idempotencyKey: 'one' };
  const text = '{"key":"ca_secret","name":"schlüssel"}';

  it('is read with the same secret, and does not contain the text', () => {
    const sealed = seal(text, secret);
    expect(unseal(sealed, secret)).toBe(text);
    expect(sealed.includes('ca_secret')).toBe(false);
    expect(seal(text, secret).equals(sealed)).toBe(false);
  });

  it.each([
    ['another credential', { ...secret, credential: 'ca_kez' }],
    ['another Idempotency-Key', { ...secret, idempotencyKey: 'two' }],
    ['the two parts divided otherwise', { credential: 'ca_keyo', idempotencyKey: 'ne' }],
  ])('is not read with %s', (_name, other) => expect(unseal(seal(text, secret), other)).toBeUndefined());

  it.each([0, 16, 28, 44, 60])('is not read after its byte %d was changed', (index) => {
    const sealed = seal(text, secret);
    sealed[index]! ^= 1;
    expect(unseal(sealed, secret)).toBeUndefined();
  });
});
