import type { ExecutionStatus } from '@cloutagent/contract';
import fc from 'fast-check';
import type { StatusChange } from '../../journal/status-changes.js';
import { decodeFilterCursor, fingerprintOf } from './multi-cursor.js';
import { FilterMembership, type MembershipFilter } from './filter-membership.js';

const KEY = 'the filter';
const MOST = 1_000;

/** Executions as the database has them: each change is a transaction. */
class World {
  transaction = 100;
  /** Transactions of others that are not over. */
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
      ended: false,
      createdXid: changedIn,
      runningXid: null,
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
      ...(status === 'paused' && { pausedXid: changedIn }),
    });
  }

  /** A long transaction of somebody else: the horizon stays before it. */
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

/** As ManyLookup does it. */
function resume(
  filter: MembershipFilter,
  text: string,
  world: World,
  most: number,
  ends: Set<number>,
): FilterMembership {
  const cursor = decodeFilterCursor(text, fingerprintOf(KEY), MOST);
  const roster = new FilterMembership(filter, cursor.began, cursor.horizon, most);
  for (const { ordinal, position } of cursor.open) {
    const row = world.rows.get(ordinal)!;
    if (row.ended && ends.has(ordinal)) roster.forget(row);
    else roster.add(row, position);
  }
  for (const ordinal of cursor.done) roster.forget(world.rows.get(ordinal)!);
  return roster;
}

type Move =
  | { kind: 'begin'; project: string }
  | { kind: 'change'; which: number; status: ExecutionStatus }
  | { kind: 'hold' | 'release' | 'look' | 'tell' | 'resume' };
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
      kind: fc.constantFrom('hold', 'release', 'look', 'look', 'tell', 'tell', 'resume'),
    }),
  },
);

it('lets each execution that comes to match join once, over any reconnects, with and without room', () => {
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
      (moves, status, most) => {
        const world = new World();
        for (const ordinal of [1, 2, 3]) world.begin(ordinal, 'p');
        world.change(1, 'running');
        world.change(2, 'completed');
        const filter = { key: KEY, projectIds: ['p'], status };
        let roster = new FilterMembership(filter, world.horizon, world.horizon, most);
        const joined: number[] = [];
        const told = new Set<number>();
        for (const row of world.rows.values()) {
          if (row.ended) roster.forget(row);
          else if ((!status || status.includes(row.status)) && roster.positions.length < most)
            joined.push(roster.add(row, 0).ordinal);
        }
        const atBeginning = new Set(joined);
        const expected = new Set(joined);
        const look = () => {
          const { joined: lanes } = roster.take(world.since(roster.horizon), world.horizon);
          joined.push(...lanes.map(({ ordinal }) => ordinal));
        };
        /** All on the stream are told something, those that have ended to their end. */
        const tell = () => {
          for (const lane of roster.positions) {
            roster.advance(lane, lane.position + 50);
            if (!world.rows.get(lane.ordinal)!.ended) continue;
            told.add(lane.ordinal);
            roster.markEnded(lane);
          }
        };
        const began = world.transaction;
        const note = (ordinal: number) => {
          const row = world.rows.get(ordinal)!;
          if (row.projectId === 'p' && row.changedXid > began && (!status || status.includes(row.status)))
            expected.add(ordinal);
        };
        let next = 4;
        for (const each of moves) {
          if (each.kind === 'begin') {
            world.begin(next, each.project);
            note(next);
            next += 1;
          } else if (each.kind === 'change') {
            const ordinal = 1 + (each.which % (next - 1));
            world.change(ordinal, each.status);
            note(ordinal);
          } else if (each.kind === 'look') look();
          else if (each.kind === 'tell') tell();
          else if (each.kind === 'resume')
            roster = resume(filter, roster.cursor().toString(), world, most, told);
          else world[each.kind]();
          // The cursor is that of now, and its text is kept as long as it is.
          const { horizon, open } = decodeFilterCursor(roster.cursor().toString(), fingerprintOf(KEY), MOST);
          expect([horizon, open]).toEqual([
            roster.horizon,
            roster.positions.map(({ ordinal, position }) => ({ ordinal, position })),
          ]);
          expect(roster.positions.map(({ ordinal }) => ordinal)).toEqual(
            roster.positions.map(({ ordinal }) => ordinal).toSorted((one, other) => one - other),
          );
        }
        // Everything comes to its end, and is told.
        for (const ordinal of world.rows.keys()) {
          world.change(ordinal, 'completed');
          note(ordinal);
        }
        world.release();
        for (let round = 0; round < 200; round += 1) {
          look();
          tell();
        }
        expect(new Set(joined).size).toBe(joined.length);
        expect(told).toEqual(new Set(joined));
        // Who matched only before the stream began may join with a later change, if there is no filter by status.
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

it('has in its cursor whom it was told to forget', () => {
  const world = new World();
  world.begin(7, 'p');
  const roster = new FilterMembership({ key: KEY }, 1, 1, MOST);
  const done = () => decodeFilterCursor(roster.cursor().toString(), fingerprintOf(KEY), MOST).done;
  expect(done()).toEqual([]);
  roster.forget(world.rows.get(7)!);
  expect(done()).toEqual([7]);
});
