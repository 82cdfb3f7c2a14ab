// A model of the ownership protocol that is small enough to explore every reachable state.
//
// WHAT IS MODELLED. One execution, two processes P and Q that run it, and an API that starts it and may request its
// cancel at any time. The workflow is node A, then the end: the events are started, "node A runs", "node A
// finished" and completed (or cancelled, or failed after too many crashes). The steps have the names of the protocol:
// start, claim, take over (read the newest sequence, read the state, append started), append, end, uncertain append,
// release, end unowned, beat lost, re-assert, reclaim, sweep; and the faults crash, freeze, false death, lost answer,
// hand-over and failover. After each step all invariants hold (invariants.ts). From each state, fair steps alone lead to
// the end in any order: without another fault, without a zombie, without the thaw of a frozen process.
//
// WHAT IS NOT ATOMIC. A statement is sent, and is executed later or never. A statement whose client has crashed or has lost
// the answer is a zombie that may still commit. A plain append reads the row and the previous event without a lock, and
// inserts in a later step, where the primary key decides. A statement that changes the row decides by the newest version
// of the row at its commit. A claim finds rows in the snapshot in which it was sent. The sweep and the end of an unowned
// execution read first and write in a later step. The answer to a claim arrives later than its commit. A take over reads
// in two steps. A process may wait before any of its steps for any time, so a stale owner may wake up at any time.
// `freeze` is only for a process that may never wake up while its connections stay open.
//
// WHAT IS LEFT OUT. Time: a process may be declared dead at any moment, and a released execution is runnable at once.
// Other executions: batches of the journal, concurrency slots of a project or a process, pause and waits.
// Reads that fail are repeated, so they are not modelled. Register, reclaim and a release by re-assert commit in the
// step that sends them, because a later commit is the same as a later step. A process that crashed starts again at once,
// with a new identity. A fault after the end, or of a process that has nothing to do with the execution, changes nothing
// and is left out. A failover replaces the database by one of its earlier states and ends all running statements. An old
// primary that still accepts commits is not modelled.
//
// BOUNDS. Only faults are bounded, by kind and in total (`Bounds`). That also bounds attempts, events and retries.
// States that differ only in the names of the processes count as one. `node test/ownership/explore.ts` goes further than
// the tests.
import { canonical } from './canonical.ts';
import { faultSteps } from './fault-steps.ts';
import { type Invariant, violated } from './invariants.ts';
import { ownershipSteps } from './ownership-steps.ts';
import { atMost, type Bounds, PROTOCOL, type Rules } from './rules.ts';
import { runSteps } from './run-steps.ts';
import { type Finding, type Model, search } from './search.ts';
import { serverSteps } from './server-steps.ts';
import { shortened } from './shortcuts.ts';
import { initialState, type State } from './state.ts';

export interface Options {
  /** Leave out parts of states that can no longer change the database (shortcuts.ts). */
  shortcuts?: boolean;
  /** Invariants that are not checked. */
  ignored?: readonly Invariant[];
}

export function ownershipModel(rules: Rules, bounds: Bounds, options: Options = {}): Model<State> {
  const { shortcuts = false, ignored = [] } = options;
  return {
    initial: initialState(),
    steps: (state) => {
      const steps = [
        ...ownershipSteps(state, rules),
        ...runSteps(state, rules),
        ...serverSteps(state, rules),
        ...faultSteps(state, rules, bounds),
      ];
      if (!shortcuts) return steps;
      return steps.map((step) => ({ ...step, next: shortened(step.next, rules) }));
    },
    key: canonical,
    violated: (state) => violated(state, ignored),
    isGoal: (state) => state.database.completed,
  };
}

/**
 * Explores the protocol.
 * @param faults the maximum of each kind; kinds that are left out do not happen
 * @param rules the rules that differ from the protocol
 */
export function explore(faults: Partial<Bounds>, rules: Partial<Rules> = {}, options: Options = {}): Finding {
  return search(ownershipModel({ ...PROTOCOL, ...rules }, atMost(faults), options));
}
