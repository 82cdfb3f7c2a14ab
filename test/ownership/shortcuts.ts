// Leaves out of a state what cannot change the database any more, so that fewer states differ. Without a failover
// most conditions, once false, stay false: events are only added, attempts only rise, an end is never taken back.
// The test "the shortcuts lose no database" searches with and without them and compares.
import { isOwner, isTaken } from './database.ts';
import type { Rules } from './rules.ts';
import { checksOwner } from './server-steps.ts';
import { SLOTS, type State, type Statement, withProcess } from './state.ts';

/** Only for rules under which a stale run changes nothing, and without failovers. */
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
  // An end of the unowned execution whose place is taken, and a sweep that read an earlier claim.
  if (ending !== null && (database.completed || isTaken(database, ending + 1)))
    next = { ...next, ending: null };
  if (sweep && (database.completed || sweep.attempt !== database.attempt)) next = { ...next, sweep: null };
  // A run that lost the execution and has nothing under way: its next append is refused, then it stops.
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
