import type { JournalReader } from '../journal/journal-reader.js';
import { join, Part } from './part.js';
import { encodeEvent } from './sse-frame.js';
import type { StreamStats } from './stream-stats.js';
import type { TypeFilter } from './type-filter.js';

/** Pages begin at multiples of this where they can, so that streams at different positions read the same ones. */
const PAGE_EVENTS = 1_000;
/** What an event's numbers cost beside its bytes. */
const EVENT_BYTES = 16;

/** A stretch of the journal as one filter shows it, encoded once: everything after `from`, up to `to`. */
interface Page {
  readonly from: number;
  readonly to: number;
  readonly parts: readonly Part[];
  readonly bytes: number;
}

export interface PageLimits {
  /** Bytes of one journal read. */
  pageBytes: number;
  /** Bytes of one write. */
  partBytes: number;
  /** Bytes kept, over all executions. */
  cacheBytes: number;
  /** Journal reads at the same time. */
  reads: number;
}

/**
 * Pages of the journal for streams that catch up, read and encoded once for all that want them. A thousand watchers
 * that come back at once cost a handful of reads; how many run at a time is bounded, so that they leave the database to the
 * journal's writes.
 */
export class PageCache {
  private readonly pages = new Map<string, Page>();
  private readonly keysOf = new Map<string, Set<string>>();
  private readonly reading = new Map<string, Promise<Page>>();
  private readonly queue: (() => void)[] = [];
  private bytes = 0;
  private running = 0;

  constructor(
    private readonly journal: JournalReader,
    private readonly limits: PageLimits,
    private readonly stats: StreamStats,
  ) {}

  /**
   * What comes next after a position.
   * @param known where the journal is known to stand: what is read now goes this far at least, shown or not
   */
  async next(executionId: string, filter: TypeFilter, position: number, known: number): Promise<Part> {
    const aligned = position - (position % PAGE_EVENTS);
    let page = await this.page(executionId, filter, aligned, known);
    // The aligned one stops before: it was read when there was less, or its events are large.
    if (page.to <= position) page = await this.page(executionId, filter, position, known);
    const part = page.parts.find(({ to }) => to > position) ?? page.parts.at(-1)!;
    return part.after(position);
  }

  /** The execution is not watched any more. */
  forget(executionId: string): void {
    for (const key of this.keysOf.get(executionId) ?? []) this.drop(key);
    this.keysOf.delete(executionId);
  }

  private page(executionId: string, filter: TypeFilter, from: number, known: number): Promise<Page> | Page {
    const key = `${executionId} ${filter.key} ${from}`;
    const kept = this.pages.get(key);
    // One that ends where nobody can go on from it, as it was read at the end of the journal, is read again.
    if (kept && (kept.to > from || known <= from)) {
      // To the end of the line: the first in it is the first to go.
      this.pages.delete(key);
      this.pages.set(key, kept);
      return kept;
    }
    let reading = this.reading.get(key);
    if (!reading) {
      reading = this.read(executionId, filter, from, known)
        .then((page) => this.keep(executionId, key, page))
        .finally(() => this.reading.delete(key));
      this.reading.set(key, reading);
    }
    return reading;
  }

  private async read(executionId: string, filter: TypeFilter, from: number, known: number): Promise<Page> {
    if (this.running >= this.limits.reads) await new Promise<void>((resolve) => this.queue.push(resolve));
    else this.running += 1;
    try {
      const { pageBytes, partBytes } = this.limits;
      const options = { types: filter.types, limit: PAGE_EVENTS, bytes: pageBytes };
      this.stats.catchUpReads += 1;
      const events = await this.journal.read(executionId, from, options);
      const encoded = events.map(encodeEvent);
      const bytes = events.reduce((sum, { data }) => sum + Buffer.byteLength(data), 0);
      const last = events.at(-1)?.sequence ?? from;
      const to = events.length === PAGE_EVENTS || bytes >= pageBytes ? last : Math.max(last, known);
      const parts = join(encoded, from, filter, partBytes);
      if (to > last) parts.push(new Part(last, to, undefined, 0, [], []));
      return { from, to, parts, bytes: bytes + events.length * EVENT_BYTES };
    } finally {
      const next = this.queue.shift();
      if (next) next();
      else this.running -= 1;
    }
  }

  private keep(executionId: string, key: string, page: Page): Page {
    this.drop(key);
    this.pages.set(key, page);
    this.bytes += page.bytes;
    let keys = this.keysOf.get(executionId);
    if (!keys) this.keysOf.set(executionId, (keys = new Set()));
    keys.add(key);
    for (const [oldest] of this.pages) {
      if (this.bytes <= this.limits.cacheBytes) break;
      this.drop(oldest);
    }
    return page;
  }

  private drop(key: string): void {
    const page = this.pages.get(key);
    if (!page) return;
    this.pages.delete(key);
    this.bytes -= page.bytes;
    this.keysOf.get(key.slice(0, key.indexOf(' ')))?.delete(key);
  }
}
