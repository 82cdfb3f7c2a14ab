import fc from 'fast-check';
import { decodeHints, encodeHints } from './hint-text.js';

const hint = fc.record({
  executionId: fc.uuid(),
  sequence: fc.integer({ min: 1, max: 999_999_999_999_999 }),
  statusChanged: fc.boolean(),
});

describe('the text of hints', () => {
  it('has every hint, in texts that NOTIFY takes', () => {
    fc.assert(
      fc.property(fc.array(hint, { maxLength: 500 }), (hints) => {
        const texts = encodeHints(hints);
        expect(texts.flatMap(decodeHints)).toEqual(hints);
        // The identity of the sender comes before the text.
        for (const text of texts) expect(text.length).toBeLessThan(7_900);
      }),
    );
  });

  it('has nothing but hints, whatever was sent', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.string({ unit: 'binary' })), (text) => {
        for (const { executionId, sequence } of decodeHints(text)) {
          expect(executionId).toHaveLength(36);
          expect(Number.isSafeInteger(sequence)).toBe(true);
        }
      }),
    );
  });
});
