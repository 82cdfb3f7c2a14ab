// Gives the same text to all states that differ only in the names of the processes or in the order of unordered things.
import type { Database, Identity } from './database.ts';
import { identitiesOf, type Slot, type State, type Statement } from './state.ts';

/** @returns the same text for states that behave the same */
export function canonical(state: State): string {
  const living = state.processes.map(({ identity }) => identity);
  const dead = [...identitiesOf(state)].filter((identity) => !living.includes(identity));
  dead.sort((one, other) => one - other);
  // The process with the smaller text comes first. If both texts are equal, the statements decide.
  const [p, q] = [encodeProcess(state, 0), encodeProcess(state, 1)];
  if (p < q) return p + q + encodeRest(state, 0, dead);
  if (q < p) return q + p + encodeRest(state, 1, dead);
  const [asIs, swapped] = [encodeRest(state, 0, dead), encodeRest(state, 1, dead)];
  return p + q + (asIs < swapped ? asIs : swapped);
}

/** Leaves out identities, so that the text does not depend on the order of the processes. */
function encodeProcess({ processes, database }: State, slot: Slot): string {
  const { identity, frozen, claiming, run } = processes[slot];
  const isRegistered = database.registered.includes(identity);
  const text = `${database.owner === identity ? 'o' : ''}${isRegistered ? '' : 'u'}${frozen ? 'z' : ''}${claiming ? 'c' : ''}`;
  if (!run) return `${text}|`;
  const { attempt, claim, stage, tail, nodeA, appending, doubt, tooMany } = run;
  return `${text}${attempt}.${claim}${stage[0]}${stage[1]}${tail}${nodeA}${appending.join('')}${doubt?.[0] ?? ''}${tooMany ? 'm' : ''}|`;
}

/** @param first the process whose text comes first */
function encodeRest(state: State, first: Slot, dead: readonly Identity[]): string {
  const { database, replica, statements, sweep, ending, processes, claims, faults } = state;
  const second: Slot = first === 0 ? 1 : 0;
  const order = [processes[first].identity, processes[second].identity, ...dead];
  const name = (identity: Identity): string => 'PQabcdefgh'[order.indexOf(identity)]!;
  const statementText = (statement: Statement): string => encodeStatement(statement, first, name);

  let text = encodeDatabase(database, name);
  if (replica) text += `=${encodeDatabase(replica, name)}`;
  if (statements.length > 0) text += `|${statements.map(statementText).toSorted().join()}`;
  if (sweep) text += `|${names(sweep.registered, name)}${sweep.attempt}`;
  return `${text}|${ending ?? ''}|${claims}|${Object.values(faults).join('')}${state.falselyAcknowledged ?? ''}`;
}

function encodeStatement(
  { kind, client, token, sequence, events, decided, tooMany }: Statement,
  first: Slot,
  name: (identity: Identity) => string,
): string {
  const waits = client === null ? '-' : client === first ? 'P' : 'Q';
  const { identity, attempt, claim } = token;
  return `${kind}${waits}${name(identity)}${attempt}.${claim}:${sequence}${events.join('')}${decided ? 'd' : ''}${tooMany ? 'm' : ''}`;
}

function encodeDatabase(database: Database, name: (identity: Identity) => string): string {
  const { exists, owner, attempt, claim, runnable, cancelWanted, completed, crashes, registered, events } =
    database;
  const flags = Number(exists) + 2 * Number(runnable) + 4 * Number(cancelWanted) + 8 * Number(completed);
  return `${flags}.${owner === null ? '-' : name(owner)}${attempt}.${claim}.${names(crashes, name)}.${names(registered, name)}.${events.join()}`;
}

function names(identities: readonly Identity[], name: (identity: Identity) => string): string {
  if (identities.length < 2) return identities.length === 0 ? '' : name(identities[0]!);
  return identities.map(name).toSorted().join('');
}
