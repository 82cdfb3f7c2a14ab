import { Inject, Injectable, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import { Settings } from '../../config/settings.js';
import { EventBus } from '../../events/event-bus.js';
import { DeletionNotices } from '../../journal/deletion-notices.js';
import { JournalReader } from '../../journal/journal-reader.js';
import { NotificationTransport } from '../../journal/notifications/notification-transport.js';
import { Logger } from '../../logging/logger.js';
import { FlushScheduler } from '../scheduling/flush-scheduler.js';
import { TimerWheel } from '../scheduling/timer-wheel.js';
import { StreamStats } from '../stream-stats.js';
import { FormatError } from '../frames/frame-encoder.js';
import { Channel, type ChannelContext } from './channel.js';
import type { ChannelFormat } from './channel-encoder.js';
import { ChannelLease, type ChannelUsers, type LeaseOptions } from './channel-lease.js';
import { PageCache } from './page-cache.js';

/** The wheel has this many ticks in the shortest interval that it serves. */
const TICKS_PER_INTERVAL = 20;

/** The channels of this process, one per watched execution and format, and their common flush scheduler, timer and page cache. */
@Injectable()
export class ChannelPool implements OnModuleInit, OnModuleDestroy {
  private readonly logger = new Logger(ChannelPool.name);
  private readonly channels = new Map<string, ChannelUsers>();
  /** Those with another format than that of this server, by its name. */
  private readonly formatted = new Map<string, Map<string, ChannelUsers>>();
  private readonly pages: PageCache;
  private readonly context: ChannelContext;
  readonly wheel: TimerWheel;

  constructor(
    bus: EventBus,
    journal: JournalReader,
    private readonly notifications: NotificationTransport,
    private readonly deletions: DeletionNotices,
    @Inject(Settings) private readonly settings: Settings,
    stats: StreamStats,
  ) {
    const { HEARTBEAT_INTERVAL_MS, STREAM_STALL_TIMEOUT_MS, JOURNAL_POLL_INTERVAL_MS } = settings;
    const shortest = Math.min(HEARTBEAT_INTERVAL_MS, STREAM_STALL_TIMEOUT_MS, JOURNAL_POLL_INTERVAL_MS);
    this.wheel = new TimerWheel(Math.min(50, Math.max(5, Math.round(shortest / TICKS_PER_INTERVAL))));
    const limits = {
      pageBytes: settings.CATCH_UP_PAGE_MAX_BYTES,
      batchBytes: settings.STREAM_WRITE_MAX_BYTES,
      cacheBytes: settings.CATCH_UP_CACHE_MAX_BYTES,
      reads: settings.MAX_CATCH_UP_READS_PER_PROCESS,
      bufferBytes: settings.CHANNEL_BUFFER_MAX_BYTES,
      pollMs: JOURNAL_POLL_INTERVAL_MS,
    };
    this.pages = new PageCache(journal, limits, stats);
    this.context = {
      bus,
      journal,
      pages: this.pages,
      scheduler: new FlushScheduler(),
      limits,
      stats,
      onError: (error, executionId) =>
        this.logger.warn(
          error instanceof FormatError ? error.message : `the journal could not be read: ${String(error)}`,
          { executionId },
        ),
    };
  }

  onModuleInit(): void {
    this.notifications.hints.subscribe(({ executionId, sequence }) => {
      this.channels.get(executionId)?.channel.check(sequence);
      for (const { channel } of this.formatted.get(executionId)?.values() ?? []) channel.check(sequence);
    });
    this.deletions.deleted.subscribe((executionId) => {
      for (const channel of this.of(executionId)) channel.drop();
      this.pages.forget(executionId);
    });
    this.notifications.missed.subscribe(() => {
      for (const channel of this.all()) void channel.verify();
    });
  }

  onModuleDestroy(): void {
    this.wheel.stop();
  }

  /** Returns the channels of an execution that have watchers here: one for each format. */
  of(executionId: string): Channel[] {
    const own = this.channels.get(executionId);
    const formatted = this.formatted.get(executionId)?.values() ?? [];
    return [...(own ? [own] : []), ...formatted].map(({ channel }) => channel);
  }

  /** Returns the channels of all watched executions. */
  *all(): Iterable<Channel> {
    for (const { channel } of this.channels.values()) yield channel;
    for (const formats of this.formatted.values()) for (const { channel } of formats.values()) yield channel;
  }

  /**
   * Returns a lease of an execution's channel, which is created for the first lease and closed with the last one.
   * @param more `format`: undefined for the format of this server. `committed`: the newest committed sequence at this moment,
   *   if this process runs the execution
   */
  join(
    executionId: string,
    options: LeaseOptions,
    { format, committed }: { format?: ChannelFormat; committed?: number | undefined } = {},
  ): ChannelLease {
    const known = format ? this.formatted.get(executionId)?.get(format.name) : this.channels.get(executionId);
    const users = known ?? this.open(executionId, format, committed);
    users.leases += 1;
    if (options.keepsManyEvents) users.keepingMany += 1;
    this.resize(users);
    return new ChannelLease(users, options, this.onRelease);
  }

  private open(
    executionId: string,
    format: ChannelFormat | undefined,
    committed: number | undefined,
  ): ChannelUsers {
    const channel = new Channel(executionId, this.context, format);
    const watch = this.notifications.watch(executionId);
    const ready = channel.open(committed);
    const users = { channel, watch, format: format?.name, ready, leases: 0, keepingMany: 0 };
    // Hints may have been missed until now. An error of `ready` is that of the leases.
    if (watch.established)
      Promise.all([ready, watch.established]).then(
        () => channel.check(),
        () => undefined,
      );
    if (format) this.formatsOf(executionId).set(format.name, users);
    else this.channels.set(executionId, users);
    this.wheel.add(channel, this.settings.JOURNAL_POLL_INTERVAL_MS);
    return users;
  }

  private readonly onRelease = (users: ChannelUsers, options: LeaseOptions): void => {
    users.leases -= 1;
    if (options.keepsManyEvents) users.keepingMany -= 1;
    this.resize(users);
    if (users.leases > 0) return;
    const { channel, watch, format } = users;
    const { executionId } = channel;
    channel.close();
    watch.release();
    this.wheel.remove(channel);
    if (format === undefined) this.channels.delete(executionId);
    else this.formatsOf(executionId).delete(format);
    if (this.formatted.get(executionId)?.size === 0) this.formatted.delete(executionId);
    if (this.of(executionId).length === 0) this.pages.forget(executionId);
  };

  private formatsOf(executionId: string): Map<string, ChannelUsers> {
    let formats = this.formatted.get(executionId);
    if (!formats) this.formatted.set(executionId, (formats = new Map()));
    return formats;
  }

  private resize({ channel, keepingMany }: ChannelUsers): void {
    const { CHANNEL_BUFFER_MAX_BYTES, MULTI_STREAM_BUFFER_MAX_BYTES } = this.settings;
    channel.keepRecent(
      keepingMany > 0
        ? CHANNEL_BUFFER_MAX_BYTES
        : Math.min(CHANNEL_BUFFER_MAX_BYTES, MULTI_STREAM_BUFFER_MAX_BYTES),
    );
  }
}
