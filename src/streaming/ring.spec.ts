import fc from 'fast-check';
import { Chunk } from './chunk.js';
import { Ring } from './ring.js';

/** The events of the block that begins behind a position, counted through from the first event. */
function rest(sizes: readonly number[], block: number, after: number): number[] {
  let end = 0;
  const blocks = sizes.map((size) => Math.floor((end += size) / block));
  return blocks.flatMap((n, index) => (index >= after && n === blocks[after] ? [index + 1] : []));
}

it('holds the latest consecutive events within its bytes, gives them by the block, and says when one is gone', () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 1, max: 60 }), { maxLength: 900 }),
      fc.integer({ min: 60, max: 400 }),
      fc.integer({ min: 1, max: 200 }),
      fc.nat(1_000),
      (sizes, most, block, after) => {
        const ring = new Ring(most, block);
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
        else expect(got).toEqual(rest(sizes, block, after));
      },
    ),
  );
});
