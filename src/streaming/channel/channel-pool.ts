import { Inject, Injectable, Logger, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import { Settings } from '../../config/settings.js';
import { EventBus } from '../../events/event-bus.js';
import { JournalReader } from '../../journal/journal-reader.js';
import { NotificationSource } from '../../journal/notification-source.js';
import { Channel, type ChannelLimits } from './channel.js';
import { PageCache } from './page-cache.js';
import { StreamStats } from '../stream-stats.js';
import { TimerWheel } from '../scheduling/timer-wheel.js';
import { FlushScheduler } from '../scheduling/flush-scheduler.js';

const TICKS_PER_INTERVAL = 20;

/** A place in a channel. */
export interface ChannelLease {
  readonly channel: Channel;
  /** Kept once the channel knows where the journal stands. */
  readonly ready: Promise<void>;
}

interface Entry extends ChannelLease {
  /** Streams of just this execution. */
  own: number;
  /** Streams of many executions, this one among them. */
  among: number;
}

/** The channels of this process, one an execution that is watched, and what they share: one flush a turn, one timer. */
@Injectable()
export class ChannelPool implements OnModuleInit, OnModuleDestroy {
  private readonly logger = new Logger(ChannelPool.name);
  private readonly channels = new Map<string, Entry>();
  private readonly scheduler = new FlushScheduler();
  private readonly limits: ChannelLimits;
  readonly wheel: TimerWheel;
  readonly pages: PageCache;

  constructor(
    private readonly bus: EventBus,
    private readonly journal: JournalReader,
    private readonly relay: NotificationSource,
    @Inject(Settings) private readonly settings: Settings,
    private readonly stats: StreamStats,
  ) {
    const { HEARTBEAT_INTERVAL_MS, STREAM_STALL_TIMEOUT_MS, JOURNAL_POLL_INTERVAL_MS } = settings;
    const shortest = Math.min(HEARTBEAT_INTERVAL_MS, STREAM_STALL_TIMEOUT_MS, JOURNAL_POLL_INTERVAL_MS);
    this.wheel = new TimerWheel(Math.min(50, Math.max(5, Math.round(shortest / TICKS_PER_INTERVAL))));
    this.pages = new PageCache(
      journal,
      {
        pageBytes: settings.CATCH_UP_PAGE_MAX_BYTES,
        partBytes: settings.STREAM_WRITE_MAX_BYTES,
        cacheBytes: settings.CATCH_UP_CACHE_MAX_BYTES,
        reads: settings.MAX_CATCH_UP_READS_PER_PROCESS,
      },
      stats,
    );
    this.limits = {
      ringBytes: settings.CHANNEL_BUFFER_MAX_BYTES,
      pageBytes: settings.CATCH_UP_PAGE_MAX_BYTES,
      partBytes: settings.STREAM_WRITE_MAX_BYTES,
      pollMs: JOURNAL_POLL_INTERVAL_MS,
    };
  }

  onModuleInit(): void {
    this.relay.hints.subscribe(({ executionId, sequence }) =>
      this.channels.get(executionId)?.channel.check(sequence),
    );
    this.relay.missed.subscribe(() => {
      for (const { channel } of this.channels.values()) void channel.verify();
    });
  }

  onModuleDestroy(): void {
    this.wheel.stop();
  }

  /** The channel of an execution, if it is watched here. */
  get(executionId: string): Channel | undefined {
    return this.channels.get(executionId)?.channel;
  }

  /** All of them. */
  *all(): Iterable<Channel> {
    for (const { channel } of this.channels.values()) yield channel;
  }

  /**
   * Takes a place in the channel of an execution, which is made for the first one.
   * @param kind a stream of many executions keeps few recent events of each
   */
  join(executionId: string, kind: 'own' | 'among'): ChannelLease {
    let entry = this.channels.get(executionId);
    if (!entry) {
      const onError = (error: unknown) =>
        this.logger.warn(`the journal could not be read: ${String(error)}`, { executionId });
      const channel = new Channel(
        executionId,
        this.bus,
        this.journal,
        this.scheduler,
        this.limits,
        this.stats,
        onError,
      );
      entry = { channel, ready: channel.open(), own: 0, among: 0 };
      this.channels.set(executionId, entry);
      this.wheel.add(channel, this.settings.JOURNAL_POLL_INTERVAL_MS);
    }
    entry[kind] += 1;
    this.resize(entry);
    return entry;
  }

  /** Gives a place back; with the last one the channel goes. */
  leave(executionId: string, kind: 'own' | 'among'): void {
    const entry = this.channels.get(executionId);
    if (!entry) return;
    entry[kind] -= 1;
    this.resize(entry);
    if (entry.own + entry.among > 0) return;
    entry.channel.close();
    this.wheel.remove(entry.channel);
    this.pages.forget(executionId);
    this.channels.delete(executionId);
  }

  private resize({ channel, own }: Entry): void {
    const { CHANNEL_BUFFER_MAX_BYTES, MULTI_STREAM_BUFFER_MAX_BYTES } = this.settings;
    channel.keepRecent(
      own > 0 ? CHANNEL_BUFFER_MAX_BYTES : Math.min(CHANNEL_BUFFER_MAX_BYTES, MULTI_STREAM_BUFFER_MAX_BYTES),
    );
  }
}
