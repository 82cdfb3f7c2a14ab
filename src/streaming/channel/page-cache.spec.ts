import type { JournalReader } from '../../journal/journal-reader.js';
import type { RecordedEvent } from '../../events/recorded-event.js';
import { PageCache } from './page-cache.js';
import { StreamStats } from '../stream-stats.js';
import { TypeFilter } from '../frames/type-filter.js';

const EVENTS = 1_500;
const PAGE_BYTES = 10_000;

/** A journal whose events have data of `bytes` bytes. `known` is its newest event. */
class FakeJournal {
  readonly events: RecordedEvent[];
  reads = 0;
  known = EVENTS;

  constructor(bytes: number) {
    const data = `{"chunk":"${'x'.repeat(bytes - '{"chunk":""}'.length)}"}`;
    this.events = Array.from({ length: EVENTS }, (_unused, n) => ({
      sequence: n + 1,
      type: n % 2 === 0 ? 'execution:output' : 'execution:step',
      data,
    }));
  }

  exists(): Promise<boolean> {
    return Promise.resolve(true);
  }

  async read(
    _id: string,
    after: number,
    { types, limit, bytes }: { types?: readonly string[]; limit: number; bytes: number },
  ): Promise<RecordedEvent[]> {
    this.reads += 1;
    // Asynchronous like the database, so that other streams ask in the meantime.
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
    { pageBytes: PAGE_BYTES, batchBytes: 4_000, cacheBytes, reads: 4 },
    new StreamStats(),
  );
}

/** Reads from a position to the end. Returns the sequences of the events. */
async function readToEnd(
  pages: PageCache,
  from: number,
  filter: TypeFilter,
  journal: FakeJournal,
): Promise<number[]> {
  const seen: number[] = [];
  for (let position = from; position < journal.known;) {
    const batch = (await pages.next('e', filter, position, journal.known))!;
    for (const [, id] of batch.chunk?.body.toString().matchAll(/^id: (\d+)$/gm) ?? []) seen.push(Number(id));
    expect(batch.to).toBeGreaterThan(position);
    position = batch.to;
    // Streams read at different speeds.
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
    'serves streams at 40 different positions with few reads: events of %d bytes, %s',
    async (bytes, _size, maxReads) => {
      const journal = new FakeJournal(bytes);
      const pages = cacheOf(journal, 100_000_000);
      const froms = Array.from({ length: 40 }, (_unused, n) => (n * 7919) % EVENTS);
      const all = await Promise.all(froms.map((from) => readToEnd(pages, from, TypeFilter.of(), journal)));
      for (const [n, seen] of all.entries()) expect(seen).toEqual(after(froms[n]!)(journal));
      expect(journal.reads).toBeLessThanOrEqual(maxReads);
    },
  );

  it('returns to each filter its own events, also when the cache holds almost nothing', async () => {
    const journal = new FakeJournal(500);
    const pages = cacheOf(journal, 30_000);
    const types = ['execution:step' as const];
    const [some, all] = await Promise.all([
      readToEnd(pages, 17, TypeFilter.of(types), journal),
      readToEnd(pages, 5, TypeFilter.of(), journal),
    ]);
    expect(some).toEqual(after(17, types)(journal));
    expect(all).toEqual(after(5)(journal));
  });

  it('reads a page at the end of the journal again once the journal has grown', async () => {
    const journal = new FakeJournal(100);
    const pages = cacheOf(journal, 100_000_000);
    journal.known = 1_010;
    expect(await readToEnd(pages, 0, TypeFilter.of(), journal)).toHaveLength(1_010);
    journal.known = 1_400;
    expect(await readToEnd(pages, 1_010, TypeFilter.of(), journal)).toHaveLength(390);
    expect(await readToEnd(pages, 1_005, TypeFilter.of(), journal)).toHaveLength(395);
  });

  it('reads the pages of an execution again after `forget`', async () => {
    const journal = new FakeJournal(100);
    const pages = cacheOf(journal, 100_000_000);
    await readToEnd(pages, 0, TypeFilter.of(), journal);
    const { reads } = journal;
    await readToEnd(pages, 0, TypeFilter.of(), journal);
    expect(journal.reads).toBe(reads);
    pages.forget('e');
    await readToEnd(pages, 0, TypeFilter.of(), journal);
    expect(journal.reads).toBe(2 * reads);
  });
});
