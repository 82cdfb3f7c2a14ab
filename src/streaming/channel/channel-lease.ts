import type { HintWatch } from '../../journal/notifications/notification-transport.js';
import type { Channel } from './channel.js';

/** A channel and how many streams use it. */
export interface ChannelUsers {
  readonly channel: Channel;
  readonly watch: HintWatch;
  /** The name of its format; undefined for the format of this server. */
  readonly format: string | undefined;
  /** Resolves once the channel knows the journal's position. */
  readonly ready: Promise<void>;
  leases: number;
  /** Leases with `keepsManyEvents`. */
  keepingMany: number;
}

export interface LeaseOptions {
  /**
   * Whether the channel keeps as many recent events as `CHANNEL_BUFFER_MAX_BYTES` allows. A stream of many executions needs
   * fewer events of each (`MULTI_STREAM_BUFFER_MAX_BYTES`).
   */
  readonly keepsManyEvents: boolean;
}

/** The right of one stream to use a channel, until it is released. */
export class ChannelLease implements Disposable {
  private isReleased = false;

  /** @param onRelease shared by all leases, so that a stream costs no closure */
  constructor(
    private readonly users: ChannelUsers,
    private readonly options: LeaseOptions,
    private readonly onRelease: (users: ChannelUsers, options: LeaseOptions) => void,
  ) {}

  get channel(): Channel {
    return this.users.channel;
  }

  /** Resolves once the channel knows the journal's position. */
  get ready(): Promise<void> {
    return this.users.ready;
  }

  /** Releases the channel. Releasing it again does nothing. */
  release(): void {
    if (this.isReleased) return;
    this.isReleased = true;
    this.onRelease(this.users, this.options);
  }

  [Symbol.dispose](): void {
    this.release();
  }
}
