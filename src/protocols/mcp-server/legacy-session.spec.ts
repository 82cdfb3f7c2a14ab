import fc from 'fast-check';
import { decodePlace, elicitsForms, encodePlace, newSessionId, sessionOf } from './legacy-session.js';

const ID = '0199c0de-0000-7000-8000-000000000001';

it.each<[unknown, boolean]>([
  [{ elicitation: {} }, true],
  [{ elicitation: { form: {} } }, true],
  [{ elicitation: { form: {}, url: {} } }, true],
  [{ elicitation: { url: {} } }, false],
  [{}, false],
  [undefined, false],
  [{ elicitation: true }, false],
])('the session of a client with the capabilities %j has forms: %s', (capabilities, elicits) => {
  expect(elicitsForms(capabilities)).toBe(elicits);
  const id = newSessionId(capabilities);
  expect(sessionOf(id)).toEqual({ id, elicits });
});

it.each([undefined, '', 'e-', 'x-0199c0de-0000-7000-8000-000000000001', 'another server'])(
  'the id %j is not a session',
  (id) => {
    expect(sessionOf(id)).toBeUndefined();
  },
);

it('the id of an event has its place and the ids of the client', () => {
  const id = fc.oneof(fc.integer(), fc.string({ maxLength: 40 }));
  fc.assert(
    fc.property(
      fc.nat(2_000_000_000),
      id,
      fc.option(id, { nil: undefined }),
      (sequence, requestId, progressToken) => {
        const place = { executionId: ID, sequence, requestId, progressToken };
        const encoded = encodePlace(place);
        expect(encoded).toMatch(/^[\w.-]+$/);
        expect(decodePlace(encoded!)).toEqual(place);
      },
    ),
  );
});

it('a place is not encoded if the ids of the client are too long', () => {
  expect(
    encodePlace({ executionId: ID, sequence: 1, requestId: 'x'.repeat(500), progressToken: 1 }),
  ).toBeUndefined();
});

it.each([
  '',
  '7',
  `${ID}.1`,
  `${ID}.1.x`,
  `${ID}.1.W10`,
  `${ID}.1.${Buffer.from('[{},1]').toString('base64url')}`,
])('the id %j is not a place', (id) => {
  expect(decodePlace(id)).toBeUndefined();
});
