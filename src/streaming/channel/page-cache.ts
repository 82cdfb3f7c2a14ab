import { ByteLimitedCache } from '../../common/byte-limited-cache.js';
import { Semaphore } from '../../common/semaphore.js';
import type { JournalReader } from '../../journal/journal-reader.js';
import type { EventType } from '@cloutagent/contract';
import { joinRanges, type FrameBatch } from '../frames/frame-batch.js';
import { BlockRange } from '../frames/block-range.js';
import { type FrameBlock, blocksOf } from '../frames/frame-block.js';
import { type FrameEncoder, OWN_FORMAT } from '../frames/frame-encoder.js';
import { TypeFilter } from '../frames/type-filter.js';
import type { StreamStats } from '../stream-stats.js';
import type { Checkpoint, Checkpoints } from './checkpoints.js';

/** Most events of a page. Pages begin at multiples of this where possible, so that streams at different positions share them. */
const PAGE_EVENTS = 1_000;
/** Approximate memory of a page apart from its blocks. */
const PAGE_OVERHEAD_BYTES = 512;
/** A page holds only events that its filter admits, so its blocks need no further filter. */
const ALL_TYPES = TypeFilter.of();

/** What pages contain: the events that a filter admits, or all events in a format. */
export interface PageContent {
  /** Equal for equal content of an execution. */
  readonly key: string;
  /** The types of the events; all if undefined. */
  readonly types?: readonly EventType[] | undefined;
  /** Where the format can begin; undefined for the format of this server, which can begin everywhere. */
  readonly checkpoints?: Checkpoints;
}

/** The events of the journal after `from` up to `to` that one filter admits, encoded. */
interface Page {
  readonly key: string;
  readonly executionId: string;
  readonly contentKey: string;
  readonly from: number;
  readonly to: number;
  readonly blocks: readonly FrameBlock[];
  /** Bytes of memory. */
  readonly bytes: number;
  /** Ready for the event after `to`. It must be forked before it is used. */
  readonly encoder: FrameEncoder;
}

export interface PageLimits {
  /** Bytes of one journal read. */
  pageBytes: number;
  /** Bytes of one write to a socket. */
  batchBytes: number;
  /** Bytes kept, over all executions. */
  cacheBytes: number;
  /** Journal reads at the same time. */
  reads: number;
}

/**
 * Pages of the journal for streams that catch up, each read and encoded once for all of them. A thousand watchers that
 * reconnect at once cost a handful of reads. The number of concurrent reads is bounded, so that they leave the database
 * time for the journal's writes.
 */
export class PageCache {
  private readonly cache: ByteLimitedCache<string, Page>;
  /** The same pages, to find one that covers a position. */
  private readonly byExecution = new Map<string, Set<Page>>();
  private readonly reading = new Map<string, Promise<Page | undefined>>();
  private readonly permits: Semaphore;

  constructor(
    private readonly journal: JournalReader,
    private readonly limits: PageLimits,
    private readonly stats: StreamStats,
  ) {
    this.permits = new Semaphore(limits.reads);
    this.cache = new ByteLimitedCache(
      limits.cacheBytes,
      ({ bytes }) => bytes,
      (_key, page) => this.removeFromIndex(page),
    );
  }

  /**
   * Returns the next events after a position.
   * @param known sequence up to which the journal is known to have events; a read covers all events up to it that its
   * limits allow, whether the filter admits them or not
   * @returns undefined if the execution was deleted
   */
  async next(
    executionId: string,
    content: PageContent,
    position: number,
    known: number,
  ): Promise<FrameBatch | undefined> {
    const page =
      this.covering(executionId, content, position) ??
      (await this.find(executionId, content, position, known));
    if (!page) return undefined;
    const block = page.blocks.find(({ last }) => last > position);
    const range = block && BlockRange.after(block, position);
    // Streams at the start of a block share its buffer. A stream in the middle of a block gets a copy of the rest.
    if (range) return joinRanges([range], position, ALL_TYPES, Infinity)[0]!;
    return { from: position, to: page.to, chunk: undefined, count: 0 };
  }

  /**
   * Returns an encoder for the event after a position, or after a later one if a page goes further.
   * @returns undefined if the execution was deleted
   */
  async encoderAt(
    executionId: string,
    content: PageContent & { readonly checkpoints: Checkpoints },
    position: number,
  ): Promise<Checkpoint | undefined> {
    const known = content.checkpoints.before(position);
    if (known.position === position) return { position, encoder: known.encoder.fork() };
    // The page with the event before the position.
    const page = await this.find(executionId, content, position - 1, position);
    return page && { position: page.to, encoder: page.encoder.fork() };
  }

  /** Drops the pages of an execution that has no watchers any more, or that was deleted, also those being read. */
  forget(executionId: string): void {
    for (const key of this.reading.keys()) if (key.startsWith(`${executionId} `)) this.reading.delete(key);
    for (const { key } of this.byExecution.get(executionId) ?? []) this.cache.delete(key);
  }

  /**
   * Returns a cached page that continues after a position, wherever the page begins. At the end of that page the stream is
   * at the same position as all others that read it.
   */
  private covering(executionId: string, content: PageContent, position: number): Page | undefined {
    for (const page of this.byExecution.get(executionId) ?? [])
      if (page.contentKey === content.key && page.from <= position && position < page.to)
        return this.cache.get(page.key);
    return undefined;
  }

  private async find(
    executionId: string,
    content: PageContent,
    position: number,
    known: number,
  ): Promise<Page | undefined> {
    const { checkpoints } = content;
    if (checkpoints) return this.findFrom(checkpoints, executionId, content, position, known);
    let page = await this.page(executionId, content, position - (position % PAGE_EVENTS), known);
    if (!page || page.to > position) return page;
    // The page ends before the position because its events are large. Estimates how many such events make a page.
    const fitting = 2 ** Math.floor(Math.log2(Math.max(1, (page.to - page.from) / 2)));
    page = await this.page(executionId, content, position - (position % fitting), known);
    if (!page || page.to > position) return page;
    return this.page(executionId, content, position, known);
  }

  /** Finds the page of a format. It begins with the state at a checkpoint, and reads the pages between that and the position. */
  private async findFrom(
    checkpoints: Checkpoints,
    executionId: string,
    content: PageContent,
    position: number,
    known: number,
  ): Promise<Page | undefined> {
    let start = checkpoints.before(position);
    for (;;) {
      const page = await this.page(executionId, content, start.position, known, start.encoder);
      if (!page || page.to === start.position) return page;
      checkpoints.add(page.to, page.encoder);
      if (page.to > position) return page;
      start = { position: page.to, encoder: page.encoder };
    }
  }

  private page(
    executionId: string,
    content: PageContent,
    from: number,
    known: number,
    encoder = OWN_FORMAT,
  ): Promise<Page | undefined> | Page {
    const key = `${executionId} ${content.key} ${from}`;
    const cached = this.cache.get(key);
    // An empty page was read at the end of the journal. It is read again once the journal has grown.
    if (cached && (cached.to > from || known <= from)) return cached;
    let reading = this.reading.get(key);
    if (!reading) {
      reading = this.readAndKeep(key, executionId, content, from, known, encoder.fork());
      this.reading.set(key, reading);
    }
    return reading;
  }

  private readAndKeep(...[key, ...page]: Parameters<PageCache['read']>): Promise<Page | undefined> {
    // Not kept if its execution was forgotten meanwhile.
    const isWanted = () => this.reading.get(key) === reading;
    const reading: Promise<Page | undefined> = this.read(key, ...page)
      .then((read) => (read && isWanted() ? this.keep(read) : read))
      .finally(() => isWanted() && this.reading.delete(key));
    return reading;
  }

  /** @returns undefined if the execution was deleted */
  private async read(
    key: string,
    executionId: string,
    content: PageContent,
    from: number,
    known: number,
    encoder: FrameEncoder,
  ): Promise<Page | undefined> {
    const permit = await this.permits.acquire();
    try {
      const { pageBytes, batchBytes } = this.limits;
      const options = { types: content.types, limit: PAGE_EVENTS, bytes: pageBytes };
      this.stats.catchUpReads += 1;
      const events = await this.journal.read(executionId, from, options);
      const read = events.reduce((sum, { data }) => sum + Buffer.byteLength(data), 0);
      const last = events.at(-1)?.sequence ?? from;
      // Without the newest known event in the page, the execution may be gone: the stream must not end as if it had sent all.
      if (last < known && !(await this.hasAll(executionId, events.length, read))) return undefined;
      const to = events.length === PAGE_EVENTS || read >= pageBytes ? last : Math.max(last, known);
      const blocks = blocksOf(events, batchBytes, (event) => encoder.encode(event));
      const bytes = blocks.reduce((sum, { size }) => sum + size, PAGE_OVERHEAD_BYTES);
      return { key, executionId, contentKey: content.key, from, to, blocks, bytes, encoder };
    } finally {
      permit.release();
    }
  }

  /** Whether a page is full, or its execution still exists. All events of an execution are deleted at once. */
  private hasAll(executionId: string, events: number, bytes: number): boolean | Promise<boolean> {
    if (events === PAGE_EVENTS || bytes >= this.limits.pageBytes) return true;
    return this.journal.exists(executionId);
  }

  private keep(page: Page): Page {
    const { key, executionId } = page;
    this.cache.delete(key);
    let pages = this.byExecution.get(executionId);
    if (!pages) this.byExecution.set(executionId, (pages = new Set()));
    pages.add(page);
    // Last, because the cache drops a page at once that is too large for it.
    this.cache.set(key, page);
    return page;
  }

  private removeFromIndex(page: Page): void {
    const pages = this.byExecution.get(page.executionId);
    pages?.delete(page);
    if (pages?.size === 0) this.byExecution.delete(page.executionId);
  }
}
