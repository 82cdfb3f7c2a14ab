// The steps of PostgreSQL with the statements that it has received. Each step is one atomic decision.
import {
  canBeClaimed,
  hasPrevious,
  insertEvents,
  isOwner,
  isTaken,
  isTerminal,
  release,
} from './database.ts';
import type { Rules } from './rules.ts';
import { answerAppend, answerClaim } from './run-steps.ts';
import type { Step } from './search.ts';
import { NAMES, type State, type Statement, withProcess } from './state.ts';

/** If a claim finds more counted crashes than this, the new owner fails the execution. */
const MAX_RECOVERIES_PER_EXECUTION = 1;

export function serverSteps(state: State, rules: Rules): Step<State>[] {
  return state.statements.map((statement, index) => {
    const { kind, client, events, token } = statement;
    const without = { ...state, statements: state.statements.filter((_, other) => other !== index) };
    // A zombie may never be executed, so no progress may depend on it.
    const fair = client !== null;
    const what = kind === 'plain' || kind === 'row' ? `append ${events.join(' ')}` : kind;
    const name = `server, ${client === null ? 'zombie' : `for ${NAMES[client]}`}: ${what}`;
    if (kind === 'claim' && statement.decided)
      return { name: `${name} is answered`, fair, next: answerClaim(without, client!, statement) };
    if (kind === 'claim') return { name, fair, next: claim(without, statement, rules) };
    if (kind === 'release')
      return { name, fair, next: { ...without, database: release(state.database, token, rules) } };
    if (kind === 'plain' && !statement.decided)
      return { name: `${name} reads the row`, fair, next: readRow(without, statement, rules) };
    return { name: `${name} commits or fails`, fair, next: commitAppend(without, statement, rules) };
  });
}

/** Whether the condition of a statement that changes the row checks owner and token. */
export function checksOwner({ events }: Statement, rules: Rules): boolean {
  return isTerminal(events.at(-1)!) ? rules.endChecksOwner : rules.takeOverChecksOwner;
}

function claim(state: State, statement: Statement, rules: Rules): State {
  const { database } = state;
  const { client, token } = statement;
  const { identity } = token;
  const isRegistered = !rules.claimLocksProcess || database.registered.includes(identity);
  if (!isRegistered || !canBeClaimed(database, rules))
    return client === null ? state : withProcess(state, client, { claiming: false });
  const claims = state.claims + 1;
  const attempt = database.attempt + 1;
  const claimed = { ...database, owner: identity, attempt, claim: claims, runnable: false };
  if (client === null) return { ...state, database: claimed, claims };
  const tooMany = database.crashes.length > MAX_RECOVERIES_PER_EXECUTION;
  const answer = { ...statement, token: { identity, attempt, claim: claims }, decided: true, tooMany };
  return { ...state, database: claimed, claims, statements: [...state.statements, answer] };
}

/** The unlocked read of a plain append. It reads the row and the previous event in the statement's snapshot. */
function readRow(state: State, statement: Statement, rules: Rules): State {
  const { database } = state;
  const { token, sequence } = statement;
  const isMine = !rules.plainChecksOwner || (isOwner(database, token, rules) && !database.completed);
  if (!isMine || !hasPrevious(database, sequence, rules))
    return answerAppend(state, statement, 'refused', rules);
  return { ...state, statements: [...state.statements, { ...statement, decided: true }] };
}

/** Inserts all events or none. A statement that changes the row decides by the newest version of the row. */
function commitAppend(state: State, statement: Statement, rules: Rules): State {
  const { database } = state;
  const { kind, sequence, events, token } = statement;
  if (kind === 'row') {
    const isMine = !checksOwner(statement, rules) || isOwner(database, token, rules);
    const isOpen = !rules.rowChangeChecksCompleted || !database.completed;
    if (!isMine || !isOpen || !hasPrevious(database, sequence, rules))
      return answerAppend(state, statement, 'refused', rules);
  }
  if (isTaken(database, sequence)) return answerAppend(state, statement, 'taken', rules);
  const stored = insertEvents(database, sequence, events);
  return answerAppend({ ...state, database: stored }, statement, 'committed', rules);
}
