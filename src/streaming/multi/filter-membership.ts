import type { ExecutionStatus } from '@cloutagent/contract';
import type { StatusChange } from '../../journal/status-changes.js';
import { type ExecutionPosition, StreamPosition } from './stream-position.js';
import { type CursorText, encodeFilterCursor, fingerprintOf } from './multi-cursor.js';

/** Which executions a stream by filter is for. */
export interface MembershipFilter {
  /** Names the filter in cursors. */
  readonly key: string;
  /** The projects to choose from; all of them when left out. */
  readonly projectIds?: readonly string[] | undefined;
  readonly status?: readonly ExecutionStatus[] | undefined;
  readonly tag?: string | undefined;
}

/** Places, of those for executions under way, that are kept for ended ones besides: these are soon told. */
const REPLAY_SHARE = 0.25;

interface Member extends ExecutionPosition {
  /** When it ended, once that is known. */
  endedXid: number | undefined;
}

/**
 * Who is on a stream by filter: which executions have joined, how far each was told, and up to when all changes were
 * accounted for. All of it is in the cursor, so that another process goes on with the same.
 */
export class FilterMembership extends StreamPosition {
  private members: Member[] = [];
  private readonly byOrdinal = new Map<number, Member>();
  /** Those that ended, and when, once that is known. Kept while a look could find them again. */
  private readonly done = new Map<number, number | undefined>();
  private readonly fingerprint: Uint8Array;

  /**
   * @param began changes since then make an execution join
   * @param horizon all changes before are accounted for
   * @param most executions under way at a time
   */
  constructor(
    readonly filter: MembershipFilter,
    private readonly began: number,
    public horizon: number,
    private readonly most: number,
  ) {
    super();
    this.fingerprint = fingerprintOf(filter.key);
  }

  /** Whether one that has ended already may join. */
  get hasRoom(): boolean {
    return this.members.length < this.most + Math.ceil(this.most * REPLAY_SHARE);
  }

  get positions(): readonly ExecutionPosition[] {
    return this.members;
  }

  /** Puts an execution on the stream, at a position; one that is on it stays as it is. */
  add({ ordinal, executionId, ended, changedXid }: StatusChange, position: number): ExecutionPosition {
    const known = this.byOrdinal.get(ordinal);
    if (known) return known;
    const member = { ordinal, executionId, position, endedXid: ended ? changedXid : undefined };
    this.byOrdinal.set(ordinal, member);
    const place = this.members.findLastIndex((other) => other.ordinal < ordinal) + 1;
    this.members.splice(place, 0, member);
    this.changed();
    return member;
  }

  /** Keeps in mind that an execution has ended and is not to be told of again. */
  forget({ ordinal, changedXid }: StatusChange): void {
    if (changedXid < this.horizon) return;
    this.done.set(ordinal, changedXid);
    this.changed();
  }

  /**
   * Takes changes in, in order.
   * @param horizon up to when they are all there is
   * @returns who joins, and whether it stopped at one that has no room: look again from `horizon` once it has
   */
  take(changes: Iterable<StatusChange>, horizon: number): { joined: ExecutionPosition[]; full: boolean } {
    const joined: ExecutionPosition[] = [];
    for (const change of changes) {
      if (this.record(change) || change.changedXid < this.horizon || !this.wants(change)) continue;
      if (!this.hasRoomFor(change)) {
        // It is told once it ends: then it is a change again.
        if (!change.ended) continue;
        this.advanceHorizon(Math.min(horizon, change.changedXid));
        return { joined, full: true };
      }
      joined.push(this.add(change, 0));
    }
    this.advanceHorizon(horizon);
    return { joined, full: false };
  }

  markEnded(lane: ExecutionPosition): void {
    const member = this.byOrdinal.get(lane.ordinal);
    if (!member) return;
    this.byOrdinal.delete(lane.ordinal);
    this.members = this.members.filter((other) => other !== member);
    if (member.endedXid === undefined || member.endedXid >= this.horizon)
      this.done.set(lane.ordinal, member.endedXid);
    this.changed();
  }

  protected encode(): CursorText {
    const { began, horizon, members: open } = this;
    const done = [...this.done.keys()].toSorted((one, other) => one - other);
    return encodeFilterCursor(this.fingerprint, { began, horizon, open, done });
  }

  /** Whether it is known already. */
  private record({ ordinal, ended, changedXid }: StatusChange): boolean {
    const member = this.byOrdinal.get(ordinal);
    if (member && ended) member.endedXid = changedXid;
    if (this.done.has(ordinal) && ended) this.done.set(ordinal, changedXid);
    return member !== undefined || this.done.has(ordinal);
  }

  private advanceHorizon(horizon: number): void {
    if (horizon <= this.horizon) return;
    this.horizon = horizon;
    this.changed();
    for (const [ordinal, endedXid] of this.done) {
      if (endedXid !== undefined && endedXid < horizon) this.done.delete(ordinal);
    }
  }

  private hasRoomFor({ ended }: StatusChange): boolean {
    if (ended) return this.hasRoom;
    // While looks from `horizon` would find many that ended, nothing further is begun: the cursor is bounded.
    return this.members.length < this.most && this.done.size < this.most;
  }

  /** Whether its status has become one of those asked for since the stream began. */
  private wants(change: StatusChange): boolean {
    const { projectIds, status, tag } = this.filter;
    if (projectIds && !projectIds.includes(change.projectId)) return false;
    if (tag !== undefined && !change.tags.includes(tag)) return false;
    if (!status) return change.changedXid >= this.began;
    return status.some((wanted) => {
      const became = {
        queued: change.createdXid,
        running: change.runningXid,
        paused: change.pausedXid,
        completed: change.status === wanted ? change.changedXid : null,
        failed: change.status === wanted ? change.changedXid : null,
        cancelled: change.status === wanted ? change.changedXid : null,
      }[wanted];
      return became !== null && became >= this.began;
    });
  }
}
