import fc from 'fast-check';
import { Chunk } from './chunk.js';
import { Ring } from './ring.js';

it('holds the latest consecutive events within its bytes, and says when one is gone', () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 1, max: 60 }), { maxLength: 900 }),
      fc.integer({ min: 60, max: 400 }),
      fc.nat(1_000),
      (sizes, most, after) => {
        const ring = new Ring(most);
        sizes.forEach((size, index) =>
          ring.push({ sequence: index + 1, type: 'execution:output', chunk: Chunk.of('x'.repeat(size)) }),
        );
        let [held, bytes] = [0, 0];
        for (const size of sizes.toReversed()) {
          if (bytes + size > most) break;
          held += 1;
          bytes += size;
        }
        const first = sizes.length - held + 1;
        const got = ring.after(after)?.map((event) => event.sequence);
        if (held === 0 || after + 1 < first) expect(got).toBeUndefined();
        else
          expect(got).toEqual(
            Array.from({ length: Math.max(0, sizes.length - after) }, (_unused, index) => after + 1 + index),
          );
      },
    ),
  );
});
