import type { Subscription } from 'rxjs';
import type { Changes, StatusChanges } from '../journal/status-changes.js';
import type { Lane } from './lane.js';
import type { Roster } from './roster.js';

/**
 * Lets executions join one stream: first it looks for itself at what has changed since the stream stood where it
 * begins, then it takes what all streams of this process are told.
 */
export class Muster {
  private told: Subscription | undefined;
  private looking = false;
  private lookAgain = false;
  /** Whether it has looked for itself, up to what will be told. */
  private caughtUp = false;
  /** Whether somebody waits for room. */
  private full = false;
  private over = false;

  /**
   * @param onJoin told of each execution that joins
   * @param onError told when the changes cannot be read
   */
  constructor(
    private readonly roster: Roster,
    private readonly changes: StatusChanges,
    private readonly onJoin: (lane: Lane) => void,
    private readonly onError: (error: Error) => void,
  ) {}

  begin(): void {
    if (this.over) return;
    this.told = this.changes.changes.subscribe((changes) => {
      if (this.caughtUp) this.take(changes);
      else if (this.full) this.onRoom();
    });
    this.changes.hold().then(() => this.look(), this.onError);
  }

  end(): void {
    if (this.over) return;
    this.over = true;
    if (!this.told) return;
    this.told.unsubscribe();
    this.changes.release();
  }

  /** There may be room for those that wait for it. */
  onRoom(): void {
    if (this.full && this.roster.hasRoom) this.look();
  }

  private look(): void {
    this.lookAgain = true;
    if (this.looking) return;
    this.looking = true;
    this.catchUp().catch(this.onError);
  }

  private async catchUp(): Promise<void> {
    try {
      while (!this.over && this.lookAgain) {
        this.lookAgain = false;
        this.full = false;
        for await (const page of this.changes.since(this.roster.horizon, this.roster.filter)) {
          if (this.over || !this.take(page)) break;
        }
        if (this.full) continue;
        // Nothing may lie between what was looked at and what will be told.
        if (this.roster.horizon >= this.changes.horizon) this.caughtUp = true;
        else this.lookAgain = true;
      }
    } finally {
      // In the same turn as the last look at `lookAgain`.
      this.looking = false;
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
