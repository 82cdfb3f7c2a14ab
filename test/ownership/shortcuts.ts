// Removes the parts of a state that can no longer change the database, so that fewer states differ. Without a failover
// most conditions stay false once they are false: events are only added, attempts only rise, an end is never undone.
// The test "the shortcuts hide no reachable state of the database" compares searches with and without them.
import { isOwner, isTaken } from './database.ts';
import type { Rules } from './rules.ts';
import { checksOwner } from './server-steps.ts';
import { SLOTS, type State, type Statement, withProcess } from './state.ts';

/** Only valid without failovers, and for rules under which a stale run changes nothing. */
export function shortened(state: State, rules: Rules): State {
  const { database, statements, processes, ending, sweep } = state;
  let next = state;
  // A zombie that can only fail.
  const left = statements.filter(
    (statement) => statement.client !== null || canCommit(state, statement, rules),
  );
  if (left.length < statements.length) next = { ...next, statements: left };
  // The row of a crashed process that neither owns the execution nor has sent anything.
  const registered = database.registered.filter(
    (identity) =>
      database.owner === identity ||
      processes.some((process) => process.identity === identity) ||
      left.some(({ token }) => token.identity === identity),
  );
  if (registered.length < database.registered.length)
    next = { ...next, database: { ...database, registered } };
  // An end of the unowned execution whose sequence is taken, and a sweep that has read an earlier claim.
  if (ending !== null && (database.completed || isTaken(database, ending + 1)))
    next = { ...next, ending: null };
  if (sweep && (database.completed || sweep.attempt !== database.attempt)) next = { ...next, sweep: null };
  // A run that has lost the execution and has sent no statement: its next append is refused, then it stops.
  for (const slot of SLOTS) {
    const { run, identity } = processes[slot];
    if (!run || run.appending.length > 0) continue;
    const isStale = database.completed || !isOwner(database, { ...run, identity }, rules);
    if (isStale) next = withProcess(next, slot, { run: null });
  }
  return next;
}

function canCommit({ database }: State, statement: Statement, rules: Rules): boolean {
  const { kind, sequence, decided, token } = statement;
  if (kind === 'claim') return !database.completed;
  if (kind !== 'release' && isTaken(database, sequence)) return false;
  if (kind === 'plain' && decided) return true;
  if (kind === 'row' && !checksOwner(statement, rules)) return true;
  return !database.completed && isOwner(database, token, rules);
}
