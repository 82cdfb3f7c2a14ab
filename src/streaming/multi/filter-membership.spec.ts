import type { ExecutionStatus } from '@cloutagent/contract';
import fc from 'fast-check';
import type { StatusChange } from '../../journal/status-changes.js';
import { decodeFilterCursor, fingerprintOf } from './multi-cursor.js';
import { FilterMembership, type MembershipFilter } from './filter-membership.js';

const KEY = 'the filter';
const MAX_ENTRIES = 1_000;

/** The executions of a database. Each change is a transaction. */
class World {
  transaction = 100;
  /** Transactions of other sessions that have not ended. */
  readonly open = new Set<number>();
  readonly rows = new Map<number, StatusChange>();

  begin(ordinal: number, projectId: string): void {
    const changedIn = this.next();
    const row: StatusChange = {
      ordinal,
      executionId: `e${ordinal}`,
      projectId,
      tags: [],
      status: 'queued',
      rootId: null,
      ended: false,
      createdXid: changedIn,
      runningXid: null,
      waitingXid: null,
      pausedXid: null,
      changedXid: changedIn,
    };
    this.rows.set(ordinal, row);
  }

  change(ordinal: number, status: ExecutionStatus): void {
    const row = this.rows.get(ordinal);
    if (!row || row.ended || row.status === status) return;
    const changedIn = this.next();
    this.rows.set(ordinal, {
      ...row,
      status,
      changedXid: changedIn,
      ended: status === 'completed',
      ...(status === 'running' && { runningXid: changedIn }),
      ...(status === 'waiting' && { waitingXid: changedIn }),
      ...(status === 'paused' && { pausedXid: changedIn }),
    });
  }

  /** Begins a long transaction of another session, which the horizon cannot pass. */
  hold(): void {
    this.open.add(this.next());
  }

  release(): void {
    this.open.clear();
  }

  get horizon(): number {
    return Math.min(this.transaction + 1, ...this.open);
  }

  since(transaction: number): StatusChange[] {
    return [...this.rows.values()]
      .filter(({ changedXid }) => changedXid >= transaction)
      .toSorted((one, other) => one.changedXid - other.changedXid);
  }

  private next(): number {
    this.transaction += 1;
    return this.transaction;
  }
}

/** Resumes from a cursor like MultiStreamResolver. */
function resume(
  filter: MembershipFilter,
  text: string,
  world: World,
  maxOpen: number,
  ends: Set<number>,
): FilterMembership {
  const cursor = decodeFilterCursor(text, fingerprintOf(KEY), MAX_ENTRIES);
  const membership = new FilterMembership(filter, cursor.began, cursor.horizon, maxOpen);
  for (const { ordinal, position } of cursor.open) {
    const row = world.rows.get(ordinal)!;
    if (row.ended && ends.has(ordinal)) membership.forget(row);
    else membership.add(row, position);
  }
  for (const ordinal of cursor.done) membership.forget(world.rows.get(ordinal)!);
  return membership;
}

type Move =
  | { kind: 'begin'; project: string }
  | { kind: 'change'; which: number; status: ExecutionStatus }
  | { kind: 'hold' | 'release' | 'poll' | 'send' | 'resume' };
const move: fc.Arbitrary<Move> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant('begin' as const), project: fc.constantFrom('p', 'q') }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('change' as const),
      which: fc.nat(),
      status: fc.constantFrom<ExecutionStatus>('running', 'running', 'paused', 'completed', 'completed'),
    }),
  },
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constantFrom('hold', 'release', 'poll', 'poll', 'send', 'send', 'resume'),
    }),
  },
);

it('each execution that comes to match joins once, across any reconnects, with and without capacity', () => {
  const statuses = fc.constantFrom<ExecutionStatus[] | undefined>(
    undefined,
    ['running'],
    ['paused'],
    ['completed'],
    ['queued', 'paused'],
  );
  fc.assert(
    fc.property(
      fc.array(move, { maxLength: 60 }),
      statuses,
      fc.integer({ min: 1, max: 8 }),
      (moves, status, maxOpen) => {
        const world = new World();
        for (const ordinal of [1, 2, 3]) world.begin(ordinal, 'p');
        world.change(1, 'running');
        world.change(2, 'completed');
        const filter = { key: KEY, projectIds: ['p'], status };
        let membership = new FilterMembership(filter, world.horizon, world.horizon, maxOpen);
        const joined: number[] = [];
        const sent = new Set<number>();
        for (const row of world.rows.values()) {
          if (row.ended) membership.forget(row);
          else if ((!status || status.includes(row.status)) && membership.positions.length < maxOpen)
            joined.push(membership.add(row, 0).ordinal);
        }
        const atBeginning = new Set(joined);
        const expected = new Set(joined);
        const poll = () => {
          const { joined: executions } = membership.take(world.since(membership.horizon), world.horizon);
          joined.push(...executions.map(({ ordinal }) => ordinal));
        };
        /** Sends events of all executions on the stream, and all of them for those that have ended. */
        const send = () => {
          for (const execution of membership.positions) {
            membership.advance(execution, execution.position + 50);
            if (!world.rows.get(execution.ordinal)!.ended) continue;
            sent.add(execution.ordinal);
            membership.markEnded(execution);
          }
        };
        const began = world.transaction;
        const record = (ordinal: number) => {
          const row = world.rows.get(ordinal)!;
          if (row.projectId === 'p' && row.changedXid > began && (!status || status.includes(row.status)))
            expected.add(ordinal);
        };
        let next = 4;
        for (const each of moves) {
          if (each.kind === 'begin') {
            world.begin(next, each.project);
            record(next);
            next += 1;
          } else if (each.kind === 'change') {
            const ordinal = 1 + (each.which % (next - 1));
            world.change(ordinal, each.status);
            record(ordinal);
          } else if (each.kind === 'poll') poll();
          else if (each.kind === 'send') send();
          else if (each.kind === 'resume')
            membership = resume(filter, membership.cursor().toString(), world, maxOpen, sent);
          else world[each.kind]();
          // The kept text of the cursor is up to date.
          const { horizon, open } = decodeFilterCursor(
            membership.cursor().toString(),
            fingerprintOf(KEY),
            MAX_ENTRIES,
          );
          expect([horizon, open]).toEqual([
            membership.horizon,
            membership.positions.map(({ ordinal, position }) => ({ ordinal, position })),
          ]);
          expect(membership.positions.map(({ ordinal }) => ordinal)).toEqual(
            membership.positions.map(({ ordinal }) => ordinal).toSorted((one, other) => one - other),
          );
        }
        // All executions end, and all their events are sent.
        for (const ordinal of world.rows.keys()) {
          world.change(ordinal, 'completed');
          record(ordinal);
        }
        world.release();
        for (let round = 0; round < 200; round += 1) {
          poll();
          send();
        }
        expect(new Set(joined).size).toBe(joined.length);
        expect(sent).toEqual(new Set(joined));
        // Without a filter by status, a later change may let an execution join that matched only before the stream began.
        const may = new Set([...expected, ...(status ? [] : [...world.rows.keys()])]);
        for (const ordinal of expected) expect([ordinal, joined.includes(ordinal)]).toEqual([ordinal, true]);
        for (const ordinal of joined) expect(may.has(ordinal) || atBeginning.has(ordinal)).toBe(true);
        expect(joined.some((ordinal) => world.rows.get(ordinal)!.projectId === 'q' || ordinal === 2)).toBe(
          false,
        );
      },
    ),
    { numRuns: 500 },
  );
});

it('the cursor contains executions that were marked as done', () => {
  const world = new World();
  world.begin(7, 'p');
  const membership = new FilterMembership({ key: KEY }, 1, 1, MAX_ENTRIES);
  const done = () => decodeFilterCursor(membership.cursor().toString(), fingerprintOf(KEY), MAX_ENTRIES).done;
  expect(done()).toEqual([]);
  membership.forget(world.rows.get(7)!);
  expect(done()).toEqual([7]);
});
