import type { JournalReader } from '../../journal/journal-reader.js';
import { type FrameBlock, blocksOf } from '../frames/frame-block.js';
import { joinRanges, type FrameBatch } from '../frames/frame-batch.js';
import type { StreamStats } from '../stream-stats.js';
import { TypeFilter } from '../frames/type-filter.js';

/** Pages begin at multiples of this where they can, so that streams at different positions read the same ones. */
const PAGE_EVENTS = 1_000;
/** What a page weighs beside its blocks, about; nothing is kept of an event but its bytes. */
const PAGE_BYTES = 512;
/** A page's events are those that its filter shows. */
const ALL = TypeFilter.of();

/** A stretch of the journal as one filter shows it, encoded once: everything after `from`, up to `to`. */
interface Page {
  readonly executionId: string;
  /** Execution and filter. */
  readonly group: string;
  readonly from: number;
  readonly to: number;
  readonly blocks: readonly FrameBlock[];
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
  /** By execution and filter, then by where they begin. */
  private readonly pages = new Map<string, Map<number, Page>>();
  /** The first in it is the first to go. */
  private readonly line = new Set<Page>();
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
  async next(executionId: string, filter: TypeFilter, position: number, known: number): Promise<FrameBatch> {
    const page =
      this.covering(executionId, filter, position) ?? (await this.find(executionId, filter, position, known));
    const stretch = page.blocks.find(({ last }) => last > position)?.after(position);
    // A block is shared by all that begin with it, and is copied for those that stand in its middle.
    if (stretch) return joinRanges([stretch], position, ALL, Infinity)[0]!;
    return { from: position, to: page.to, chunk: undefined, count: 0 };
  }

  /** The execution is not watched any more. */
  forget(executionId: string): void {
    for (const page of this.line) if (page.executionId === executionId) this.drop(page);
  }

  /** A page that goes on from a position, wherever it begins: who reads on behind it is at the same place as all others then. */
  private covering(executionId: string, filter: TypeFilter, position: number): Page | undefined {
    for (const page of this.pages.get(groupOf(executionId, filter))?.values() ?? [])
      if (page.from <= position && position < page.to) return this.touch(page);
    return undefined;
  }

  private async find(
    executionId: string,
    filter: TypeFilter,
    position: number,
    known: number,
  ): Promise<Page> {
    let page = await this.page(executionId, filter, position - (position % PAGE_EVENTS), known);
    if (page.to > position) return page;
    // It stops before. If that is because its events are large, there are so many in a page:
    const fit = 2 ** Math.floor(Math.log2(Math.max(1, (page.to - page.from) / 2)));
    page = await this.page(executionId, filter, position - (position % fit), known);
    if (page.to > position) return page;
    return this.page(executionId, filter, position, known);
  }

  private page(executionId: string, filter: TypeFilter, from: number, known: number): Promise<Page> | Page {
    const group = groupOf(executionId, filter);
    const kept = this.pages.get(group)?.get(from);
    // One that ends where nobody can go on from it, as it was read at the end of the journal, is read again.
    if (kept && (kept.to > from || known <= from)) return this.touch(kept);
    const key = `${group} ${from}`;
    let reading = this.reading.get(key);
    if (!reading) {
      reading = this.read(executionId, filter, from, known)
        .then((page) => this.keep(page))
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
      const bytes = events.reduce((sum, { data }) => sum + Buffer.byteLength(data), 0);
      const last = events.at(-1)?.sequence ?? from;
      const to = events.length === PAGE_EVENTS || bytes >= pageBytes ? last : Math.max(last, known);
      const blocks = blocksOf(events, partBytes);
      const weight = blocks.reduce((sum, { size }) => sum + size, PAGE_BYTES);
      return { executionId, group: groupOf(executionId, filter), from, to, blocks, bytes: weight };
    } finally {
      const next = this.queue.shift();
      if (next) next();
      else this.running -= 1;
    }
  }

  private keep(page: Page): Page {
    const { group, from } = page;
    const before = this.pages.get(group)?.get(from);
    if (before) this.drop(before);
    let pages = this.pages.get(group);
    if (!pages) this.pages.set(group, (pages = new Map()));
    pages.set(from, page);
    this.line.add(page);
    this.bytes += page.bytes;
    for (const oldest of this.line) {
      if (this.bytes <= this.limits.cacheBytes) break;
      this.drop(oldest);
    }
    return page;
  }

  private touch(page: Page): Page {
    if (this.line.delete(page)) this.line.add(page);
    return page;
  }

  private drop(page: Page): void {
    if (!this.line.delete(page)) return;
    this.bytes -= page.bytes;
    const pages = this.pages.get(page.group);
    pages?.delete(page.from);
    if (pages?.size === 0) this.pages.delete(page.group);
  }
}

const groupOf = (executionId: string, filter: TypeFilter): string => `${executionId} ${filter.key}`;
