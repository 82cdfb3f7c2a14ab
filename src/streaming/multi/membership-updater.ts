import type { Subscription } from 'rxjs';
import type { Holder } from '../../common/holder.js';
import type { Changes, StatusChanges } from '../../journal/status-changes.js';
import type { ExecutionPosition } from './stream-position.js';
import type { FilterMembership } from './filter-membership.js';

/**
 * Lets executions join one stream: first it looks for itself at what has changed since the stream stood where it
 * begins, then it takes what all streams of this process are told.
 */
export class FilterMembershipUpdater {
  private subscription: Subscription | undefined;
  private holder: Holder | undefined;
  private polling = false;
  private pollAgain = false;
  /** Whether it has looked for itself, up to what will be told. */
  private caughtUp = false;
  /** Whether somebody waits for room. */
  private full = false;
  private ended = false;

  /**
   * @param onJoin told of each execution that joins
   * @param onError told when the changes cannot be read
   */
  constructor(
    private readonly roster: FilterMembership,
    private readonly changes: StatusChanges,
    private readonly onJoin: (lane: ExecutionPosition) => void,
    private readonly onError: (error: Error) => void,
  ) {}

  begin(): void {
    if (this.ended) return;
    this.subscription = this.changes.changes.subscribe((changes) => {
      if (this.caughtUp) this.take(changes);
      else if (this.full) this.onRoom();
    });
    this.changes.acquire().then((holder) => {
      if (this.ended) {
        holder.release();
        return;
      }
      this.holder = holder;
      this.poll();
    }, this.onError);
  }

  end(): void {
    if (this.ended) return;
    this.ended = true;
    if (!this.subscription) return;
    this.subscription.unsubscribe();
    this.holder?.release();
  }

  /** There may be room for those that wait for it. */
  onRoom(): void {
    if (this.full && this.roster.hasRoom) this.poll();
  }

  private poll(): void {
    this.pollAgain = true;
    if (this.polling) return;
    this.polling = true;
    this.catchUp().catch(this.onError);
  }

  private async catchUp(): Promise<void> {
    try {
      while (!this.ended && this.pollAgain) {
        this.pollAgain = false;
        this.full = false;
        for await (const page of this.changes.since(this.roster.horizon, this.roster.filter)) {
          if (this.ended || !this.take(page)) break;
        }
        if (this.full) continue;
        // Nothing may lie between what was looked at and what will be told.
        if (this.roster.horizon >= this.changes.horizon) this.caughtUp = true;
        else this.pollAgain = true;
      }
    } finally {
      // In the same turn as the last look at `lookAgain`.
      this.polling = false;
    }
  }

  /** @returns whether there was room for all */
  private take({ rows, horizon }: Changes): boolean {
    const { joined, full } = this.roster.take(rows, horizon);
    for (const lane of joined) this.onJoin(lane);
    if (full) {
      this.full = true;
      this.caughtUp = false;
    }
    return !full;
  }
}
