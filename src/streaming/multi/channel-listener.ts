import type { ChannelLease } from '../channel/channel-lease.js';
import type { Channel } from '../channel/channel.js';
import type { Watcher } from '../channel/watcher.js';
import type { TypeFilter } from '../frames/type-filter.js';
import type { ExecutionPosition } from './stream-position.js';

/** Is notified by listeners. An object and not functions, so that a listener costs no closures. */
export interface ListenerOwner {
  /** The listener's channel has events to send. */
  onAdvance(listener: ChannelListener): void;
  endWithRetry(): void;
  /** The listener's execution was deleted. */
  onDeleted(listener: ChannelListener): void;
}

/** Connects a stream of many executions to the channel of one of them. */
export class ChannelListener implements Watcher {
  readonly channel: Channel;

  constructor(
    readonly execution: ExecutionPosition,
    private readonly lease: ChannelLease,
    readonly filter: TypeFilter,
    private readonly owner: ListenerOwner,
  ) {
    this.channel = lease.channel;
  }

  /** Whether the channel has events that the stream was not sent. */
  get hasBacklog(): boolean {
    return this.execution.position < this.channel.position;
  }

  /** Whether all events up to the terminal one were sent. */
  get hasEnded(): boolean {
    return this.channel.end !== undefined && this.execution.position >= this.channel.end;
  }

  /** Never takes shared buffers, because the frames of each stream of many executions have their own ids. */
  isAt(): boolean {
    return false;
  }

  deliver(): boolean {
    return false;
  }

  wake(): void {
    this.owner.onAdvance(this);
  }

  endWithRetry(): void {
    this.owner.endWithRetry();
  }

  onDeleted(): void {
    this.owner.onDeleted(this);
  }

  /** Gives the channel back. */
  close(): void {
    this.channel.watchers.delete(this);
    this.lease.release();
  }
}
