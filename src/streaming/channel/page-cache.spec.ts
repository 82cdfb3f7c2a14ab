import type { JournalReader } from '../../journal/journal-reader.js';
import type { RecordedEvent } from '../../events/recorded-event.js';
import { PageCache } from './page-cache.js';
import { StreamStats } from '../stream-stats.js';
import { TypeFilter } from '../frames/type-filter.js';

const EVENTS = 1_500;
const PAGE_BYTES = 10_000;

/** A journal whose events have so many bytes, up to a number that grows. */
class FakeJournal {
  readonly events: RecordedEvent[];
  reads = 0;
  known = EVENTS;

  constructor(bytes: number) {
    const data = JSON.stringify('x'.repeat(bytes - 2));
    this.events = Array.from({ length: EVENTS }, (_unused, n) => ({
      sequence: n + 1,
      type: n % 2 === 0 ? 'execution:output' : 'execution:step',
      data,
    }));
  }

  async read(
    _id: string,
    after: number,
    { types, limit, bytes }: { types?: readonly string[]; limit: number; bytes: number },
  ): Promise<RecordedEvent[]> {
    this.reads += 1;
    // The database takes its time: others ask meanwhile.
    await new Promise(setImmediate);
    const page: RecordedEvent[] = [];
    let size = 0;
    for (const event of this.events.slice(after, this.known)) {
      if (types && !types.includes(event.type)) continue;
      page.push(event);
      size += event.data.length;
      if (page.length === limit || size >= bytes) break;
    }
    return page;
  }
}

function cacheOf(journal: FakeJournal, cacheBytes: number): PageCache {
  return new PageCache(
    journal as unknown as JournalReader,
    { pageBytes: PAGE_BYTES, partBytes: 4_000, cacheBytes, reads: 4 },
    new StreamStats(),
  );
}

/** Reads from a position to the end; the sequences it was shown. */
async function readOn(
  pages: PageCache,
  from: number,
  filter: TypeFilter,
  journal: FakeJournal,
): Promise<number[]> {
  const seen: number[] = [];
  for (let position = from; position < journal.known;) {
    const part = await pages.next('e', filter, position, journal.known);
    for (const [, id] of part.chunk?.body.toString().matchAll(/^id: (\d+)$/gm) ?? []) seen.push(Number(id));
    expect(part.to).toBeGreaterThan(position);
    position = part.to;
    // Not all are equally quick.
    if (position % 3 === 0) await new Promise(setImmediate);
  }
  return seen;
}

const after = (from: number, types?: readonly string[]) => (journal: FakeJournal) =>
  journal.events
    .filter(({ sequence, type }) => sequence > from && (!types || types.includes(type)))
    .map(({ sequence }) => sequence);

describe('PageCache', () => {
  it.each([
    [100, 'small', 60],
    [1_000, 'large', 400],
    [20_000, 'larger than a page', EVENTS + 10],
  ])(
    'serves all who read on from anywhere with few reads: events of %d bytes, %s',
    async (bytes, _what, most) => {
      const journal = new FakeJournal(bytes);
      const pages = cacheOf(journal, 100_000_000);
      const froms = Array.from({ length: 40 }, (_unused, n) => (n * 7919) % EVENTS);
      const all = await Promise.all(froms.map((from) => readOn(pages, from, TypeFilter.of(), journal)));
      for (const [n, seen] of all.entries()) expect(seen).toEqual(after(froms[n]!)(journal));
      expect(journal.reads).toBeLessThanOrEqual(most);
    },
  );

  it('shows each filter its own, also when next to nothing is kept', async () => {
    const journal = new FakeJournal(500);
    const pages = cacheOf(journal, 30_000);
    const types = ['execution:step' as const];
    const [some, all] = await Promise.all([
      readOn(pages, 17, TypeFilter.of(types), journal),
      readOn(pages, 5, TypeFilter.of(), journal),
    ]);
    expect(some).toEqual(after(17, types)(journal));
    expect(all).toEqual(after(5)(journal));
  });

  it('goes on where the journal has grown since a page was read', async () => {
    const journal = new FakeJournal(100);
    const pages = cacheOf(journal, 100_000_000);
    journal.known = 1_010;
    expect(await readOn(pages, 0, TypeFilter.of(), journal)).toHaveLength(1_010);
    journal.known = 1_400;
    expect(await readOn(pages, 1_010, TypeFilter.of(), journal)).toHaveLength(390);
    expect(await readOn(pages, 1_005, TypeFilter.of(), journal)).toHaveLength(395);
  });

  it('forgets an execution', async () => {
    const journal = new FakeJournal(100);
    const pages = cacheOf(journal, 100_000_000);
    await readOn(pages, 0, TypeFilter.of(), journal);
    const { reads } = journal;
    await readOn(pages, 0, TypeFilter.of(), journal);
    expect(journal.reads).toBe(reads);
    pages.forget('e');
    await readOn(pages, 0, TypeFilter.of(), journal);
    expect(journal.reads).toBe(2 * reads);
  });
});
