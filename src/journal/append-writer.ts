import type { Database } from '../database/database.js';
import { isStored } from './append-errors.js';
import {
  type AppendGroup,
  type AppendStatement,
  appendStatement,
  type Refusal,
  refusalsQuery,
} from './append-statement.js';
import type { JournalReader } from './journal-reader.js';
import type { Claim, PendingAppend } from './pending-append.js';
import type { RowChange } from './row-change.js';
import { toStored } from './stored-event.js';

/** Sends batches of appends to the database. */
export class AppendWriter {
  /** The newest connection on which each claim has found its events complete. */
  private readonly checkedOn = new WeakMap<Claim, number>();

  /**
   * @param owner identity of this process
   * @param mayShorten whether all processes can read short rows
   */
  constructor(
    private readonly database: Database,
    private readonly owner: string,
    private readonly reader: JournalReader,
    private readonly mayShorten: () => boolean,
  ) {}

  /**
   * Inserts a batch in one statement.
   * @param batch appends of an execution must have the same claim and be in order
   * @returns the executions to which nothing was appended
   * @throws the database's error; then nothing is inserted, or the answer was lost
   */
  async insert(batch: readonly PendingAppend[]): Promise<Map<string, Refusal>> {
    const groups = new Map<string, AppendGroup>();
    const mayShorten = this.mayShorten();
    for (const { executionId, attempt, events: appended, change } of batch) {
      const events = mayShorten ? appended.map((event) => toStored(executionId, event)) : appended;
      const group = groups.get(executionId);
      if (!group) groups.set(executionId, { executionId, attempt, events, change, isFirst: true });
      else {
        group.events = [...group.events, ...events];
        if (change) group.change = mergeChanges(group.change, change);
      }
    }
    let used = 0;
    let returns: AppendStatement['returns'] = 'refusals';
    const all = [...groups.values()];
    const answer = await this.database.query<Refusal>((connection) => {
      used = connection;
      for (const { claim, executionId } of batch)
        groups.get(executionId)!.isFirst = (this.checkedOn.get(claim) ?? 0) < connection;
      const statement = appendStatement(all, this.owner);
      returns = statement.returns;
      return statement.query;
    });
    const rows = returns === 'refusals' ? answer.rows : await this.refusals(all, answer.rowCount);
    for (const { claim } of batch)
      if ((this.checkedOn.get(claim) ?? 0) < used) this.checkedOn.set(claim, used);
    return new Map(rows.map((row) => [row.id, row]));
  }

  /** Finds the uncertain appends that are committed, by the event that is stored at their first sequence. */
  async findCommitted(uncertain: readonly PendingAppend[]): Promise<Set<PendingAppend>> {
    const stored = await Promise.all(
      uncertain.map(({ executionId, events }) => this.reader.at(executionId, events[0]!.sequence)),
    );
    return new Set(uncertain.filter(({ events }, index) => isStored(events, stored[index]?.data)));
  }

  private async refusals(groups: readonly AppendGroup[], inserted: number | null): Promise<Refusal[]> {
    const wanted = groups.reduce((sum, { events }) => sum + events.length, 0);
    if (inserted === wanted) return [];
    return (await this.database.pool.query<Refusal>(refusalsQuery(groups, this.owner))).rows;
  }
}

/** Joins two changes of one row. A statement changes a row once, so the last value of each column counts. */
function mergeChanges(first: RowChange | undefined, second: RowChange): RowChange {
  if (!first) return second;
  return {
    ...first,
    ...second,
    opens: [...(first.opens ?? []), ...(second.opens ?? [])],
    records: [...(first.records ?? []), ...(second.records ?? [])],
    children: [...(first.children ?? []), ...(second.children ?? [])],
    treeUsage: [...(first.treeUsage ?? []), ...(second.treeUsage ?? [])],
    rounds: [...(first.rounds ?? []), ...(second.rounds ?? [])],
    toolCalls: [...(first.toolCalls ?? []), ...(second.toolCalls ?? [])],
  };
}
