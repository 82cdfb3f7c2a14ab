import type { ExecutionStatus } from '@cloutagent/contract';
import type { StatusChange } from '../../journal/status-changes.js';
import { type CursorText, encodeFilterCursor, fingerprintOf } from './multi-cursor.js';
import { type ExecutionPosition, StreamPosition } from './stream-position.js';

/** Selects the executions of a stream. */
export interface MembershipFilter {
  /** Identifies the filter in cursors. */
  readonly key: string;
  /** The projects to choose from; all if undefined. */
  readonly projectIds?: readonly string[] | undefined;
  readonly status?: readonly ExecutionStatus[] | undefined;
  readonly tag?: string | undefined;
  /** Only this execution and those below it. Without it, no child execution is selected. */
  readonly rootId?: string | undefined;
}

/** Additional capacity for executions that have ended, as a fraction of `maxOpen`. They are replayed soon and leave again. */
const REPLAY_FRACTION = 0.25;

interface Member extends ExecutionPosition {
  /** The transaction that ended the execution, once it is known. */
  endedXid: number | undefined;
}

/**
 * The executions on a stream by filter: which have joined, how far each was sent, and up to which transaction all status
 * changes were taken in. The cursor holds all of it, so that another process continues with the same executions.
 */
export class FilterMembership extends StreamPosition {
  private members: Member[] = [];
  private readonly byOrdinal = new Map<number, Member>();
  /** Executions whose end was sent, and the transaction of that end once it is known. Kept while a poll could find them again. */
  private readonly done = new Map<number, number | undefined>();
  private readonly fingerprint: Uint8Array;
  /** The transaction that ended the root, once it is known. */
  private rootEndedXid: number | undefined;
  private isRootDeleted = false;

  /**
   * @param began transaction from which on a change lets an execution join
   * @param horizon transaction before which all changes were taken in
   * @param maxOpen executions at the same time that have not ended
   */
  constructor(
    readonly filter: MembershipFilter,
    private readonly began: number,
    public horizon: number,
    private readonly maxOpen: number,
  ) {
    super();
    this.fingerprint = fingerprintOf(filter.key);
  }

  /** Whether an execution that has ended may join. */
  get hasCapacity(): boolean {
    return this.members.length < this.maxOpen + Math.ceil(this.maxOpen * REPLAY_FRACTION);
  }

  /**
   * Whether no execution can join any more: the root was deleted, or it has ended and all changes up to its end were taken in.
   * The executions below a root end before it, each in a transaction of its own.
   */
  get isComplete(): boolean {
    return this.isRootDeleted || (this.rootEndedXid !== undefined && this.horizon > this.rootEndedXid);
  }

  get positions(): readonly ExecutionPosition[] {
    return this.members;
  }

  /** Adds an execution at a position. An execution that has already joined keeps its position. */
  add({ ordinal, executionId, ended, changedXid }: StatusChange, position: number): ExecutionPosition {
    const known = this.byOrdinal.get(ordinal);
    if (known) return known;
    const member = { ordinal, executionId, position, endedXid: ended ? changedXid : undefined };
    this.byOrdinal.set(ordinal, member);
    const index = this.members.findLastIndex((other) => other.ordinal < ordinal) + 1;
    this.members.splice(index, 0, member);
    this.changed();
    return member;
  }

  /** Takes in the present state of the root. */
  noteRoot({ ended, changedXid }: StatusChange): void {
    if (ended) this.rootEndedXid = changedXid;
  }

  /** Returns whether the execution has joined, now or earlier. */
  has({ ordinal }: StatusChange): boolean {
    return this.byOrdinal.has(ordinal) || this.done.has(ordinal);
  }

  /** Marks an execution that has ended as done, so that it does not join. */
  forget({ ordinal, changedXid }: StatusChange): void {
    if (changedXid < this.horizon) return;
    this.done.set(ordinal, changedXid);
    this.changed();
  }

  /**
   * Takes in status changes, in order.
   * @param horizon transaction before which these are all changes
   * @returns the executions that join. If `isFull`, one had no capacity: once there is some, changes must be read again from
   * `horizon`.
   */
  take(changes: Iterable<StatusChange>, horizon: number): { joined: ExecutionPosition[]; isFull: boolean } {
    const joined: ExecutionPosition[] = [];
    for (const change of changes) {
      if (this.record(change) || change.changedXid < this.horizon || !this.wants(change)) continue;
      if (!this.hasCapacityFor(change)) {
        // Skip it for now. When it ends, that status change brings it back here and it is replayed.
        if (!change.ended) continue;
        this.advanceHorizon(Math.min(horizon, change.changedXid));
        return { joined, isFull: true };
      }
      joined.push(this.add(change, 0));
    }
    this.advanceHorizon(horizon);
    return { joined, isFull: false };
  }

  markEnded(execution: ExecutionPosition): void {
    const member = this.byOrdinal.get(execution.ordinal);
    if (!member) return;
    this.byOrdinal.delete(execution.ordinal);
    this.members = this.members.filter((other) => other !== member);
    if (member.endedXid === undefined || member.endedXid >= this.horizon)
      this.done.set(execution.ordinal, member.endedXid);
    this.changed();
  }

  markDeleted(execution: ExecutionPosition): void {
    if (execution.executionId === this.filter.rootId) this.isRootDeleted = true;
    if (!this.byOrdinal.delete(execution.ordinal)) return;
    this.members = this.members.filter((other) => other.ordinal !== execution.ordinal);
    this.changed();
  }

  protected encode(): CursorText {
    const { began, horizon, members: open } = this;
    const done = [...this.done.keys()].toSorted((one, other) => one - other);
    return encodeFilterCursor(this.fingerprint, { began, horizon, open, done });
  }

  /** Records the end of an execution that has joined. Returns whether the execution has joined, now or earlier. */
  private record(change: StatusChange): boolean {
    const { ordinal, ended, changedXid } = change;
    if (change.executionId === this.filter.rootId) this.noteRoot(change);
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

  private hasCapacityFor({ ended }: StatusChange): boolean {
    if (ended) return this.hasCapacity;
    // `done` is bounded too, because it is part of the cursor. It empties as the horizon advances.
    return this.members.length < this.maxOpen && this.done.size < this.maxOpen;
  }

  /** Returns whether the filter selects the execution and its status became one of the filter's since the stream began. */
  private wants(change: StatusChange): boolean {
    const { projectIds, status, tag, rootId } = this.filter;
    if (rootId === undefined ? change.rootId !== null : ![change.rootId, change.executionId].includes(rootId))
      return false;
    if (projectIds && !projectIds.includes(change.projectId)) return false;
    if (tag !== undefined && !change.tags.includes(tag)) return false;
    if (!status) return change.changedXid >= this.began;
    return status.some((wanted) => {
      const became = {
        queued: change.createdXid,
        running: change.runningXid,
        waiting: change.waitingXid,
        paused: change.pausedXid,
        completed: change.status === wanted ? change.changedXid : null,
        failed: change.status === wanted ? change.changedXid : null,
        cancelled: change.status === wanted ? change.changedXid : null,
      }[wanted];
      return became !== null && became >= this.began;
    });
  }
}
