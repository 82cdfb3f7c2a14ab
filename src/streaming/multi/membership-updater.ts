import type { Subscription } from 'rxjs';
import { coalesce } from '../../common/coalesce.js';
import type { Holder } from '../../common/holder.js';
import type { Changes, StatusChanges } from '../../journal/status-changes.js';
import type { FilterMembership } from './filter-membership.js';
import type { ExecutionPosition } from './stream-position.js';

/**
 * Lets executions join one stream by filter. First it reads all status changes since the stream's horizon. Then it takes
 * the changes that are read once for all streams of this process.
 */
export class FilterMembershipUpdater {
  private subscription: Subscription | undefined;
  private holder: Holder | undefined;
  /** Whether it has read all changes up to those that it will be notified of. */
  private isCaughtUp = false;
  /** Whether an execution waits for capacity. */
  private isFull = false;
  private hasEnded = false;
  private readonly poll = coalesce(() => this.catchUp().catch(this.onError));

  /**
   * @param on `onJoin` is called with each execution that joins, `onTaken` after all changes of a page
   * @param onError called when the changes cannot be read
   */
  constructor(
    private readonly membership: FilterMembership,
    private readonly changes: StatusChanges,
    private readonly on: { onJoin: (execution: ExecutionPosition) => void; onTaken: () => void },
    private readonly onError: (error: Error) => void,
  ) {}

  begin(): void {
    if (this.hasEnded) return;
    this.subscription = this.changes.changes.subscribe((changes) => {
      if (this.isCaughtUp) this.take(changes);
      else if (this.isFull) this.onCapacity();
    });
    this.changes.acquire().then((holder) => {
      if (this.hasEnded) {
        holder.release();
        return;
      }
      this.holder = holder;
      void this.poll();
    }, this.onError);
  }

  end(): void {
    if (this.hasEnded) return;
    this.hasEnded = true;
    if (!this.subscription) return;
    this.subscription.unsubscribe();
    this.holder?.release();
  }

  /** Must be called when an execution has left the stream. */
  onCapacity(): void {
    if (this.isFull && this.membership.hasCapacity) void this.poll();
  }

  private async catchUp(): Promise<void> {
    do {
      if (this.hasEnded) return;
      this.isFull = false;
      for await (const page of this.changes.since(this.membership.horizon, this.membership.filter)) {
        if (this.hasEnded || !this.take(page)) return;
      }
      // Changes between the last page and the next notification must not be missed.
    } while (this.membership.horizon < this.changes.horizon);
    this.isCaughtUp = true;
  }

  /** @returns whether there was capacity for all executions that join */
  private take({ rows, horizon }: Changes): boolean {
    const { joined, isFull } = this.membership.take(rows, horizon);
    for (const execution of joined) this.on.onJoin(execution);
    this.on.onTaken();
    if (isFull) {
      this.isFull = true;
      this.isCaughtUp = false;
    }
    return !isFull;
  }
}
