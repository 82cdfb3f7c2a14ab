import { Injectable } from '@nestjs/common';
import {
  applyEvent,
  type EventDraft,
  type ExecutionEvent,
  type ExecutionState,
  initialState,
  isTerminalEvent,
} from '@cloutagent/contract';
import { BatchedLookup } from '../../database/batched-lookup.js';
import { parseEvent } from '../../events/event-bus.js';
import { endSteps } from '../../events/end-drafts.js';
import { SequenceTakenError } from '../../journal/append-errors.js';
import type { RowChange } from '../../journal/row-change.js';
import { Journal } from '../../journal/journal.js';
import { JournalReader } from '../../journal/journal-reader.js';
import type { ExecutionRow } from '../execution-row.js';
import { ControlRequests } from './control-requests.js';
import { EngineStats } from './engine-stats.js';
import { ExecutionLog } from './execution-log.js';
import { type KeptOutput, KeptOutputs } from './kept-output.js';
import { RoundRows } from './round-rows.js';
import { keptEvents } from './kept-events.js';
import type { WaitRow } from './node-waits.js';
import { timeSpent } from './time-spent.js';

const MAX_TRIES = 5;
/** Executions of which one query reads the states: those of one claim take few queries, and no result is very large. */
const EXECUTIONS_PER_READ = 20;

/** An execution as restored from its events. */
interface RestoredExecution {
  state: ExecutionState;
  waits: WaitRow[];
  kept: readonly KeptOutput[];
  /** How much of its time limit it has used. */
  spentMs: number;
  /** Its terminal event, if the journal has one. */
  terminalEvent: ExecutionEvent | undefined;
}

/** An execution that this process may run now. */
export interface RestoredRun {
  log: ExecutionLog;
  /** The waits of the execution so far. */
  waits: readonly WaitRow[];
  /** The steps that have stored work of agents. */
  kept: readonly KeptOutput[];
  /** How much of its time limit it has used. */
  spentMs: number;
}

/** The first action of a new owner: it restores the execution from the journal and records `execution:started`. */
@Injectable()
export class Takeover {
  private readonly stateOf = new BatchedLookup((ids) => this.reader.readStates(ids), EXECUTIONS_PER_READ);
  private readonly waitsOf = new BatchedLookup((ids) => this.requests.readWaits(ids));
  private readonly keptOf = new BatchedLookup((ids) => this.rounds.readKept(ids));

  constructor(
    private readonly journal: Journal,
    private readonly reader: JournalReader,
    private readonly stats: EngineStats,
    private readonly requests: ControlRequests,
    private readonly rounds: RoundRows,
  ) {}

  /**
   * Takes over an execution that this process has claimed. An earlier owner that is still running may append until
   * `execution:started` is committed. Its next append then finds its sequence taken, and it stops.
   * @param onFailure called when a later append of the returned log is refused
   * @returns the log, the waits of the execution so far, and how much of its time limit it has used; undefined if the
   *   execution has already ended
   * @throws StaleOwnerError if another process has claimed it since
   */
  async start(row: ExecutionRow, onFailure: (error: unknown) => void): Promise<RestoredRun | undefined> {
    for (let tries = 1; ; tries += 1) {
      // At the first attempt there was no earlier owner and the journal is empty, so it is not read. If it were not empty,
      // the append would find its sequence taken, and the next attempt would read the journal.
      const isNew = row.attempt === 1;
      const { state, waits, kept, spentMs, terminalEvent } = isNew
        ? newExecution()
        : await this.restore(row.id);
      if (terminalEvent) {
        await this.repairRow(row, terminalEvent);
        return undefined;
      }
      const claim = { executionId: row.id, attempt: row.attempt };
      // Its last owner left it waiting, with all events committed. Waking it is neither a start nor a takeover.
      if (row.parked && (state.status === 'waiting' || state.status === 'paused'))
        return {
          log: new ExecutionLog(this.journal, claim, state, onFailure, this.stats),
          waits,
          kept,
          spentMs,
        };
      const started: EventDraft = {
        type: 'execution:started',
        fields: { projectId: row.project_id, attempt: row.attempt },
      };
      // Only a later append can fail the run: a try whose first append is refused is repeated.
      let isTakenOver = isNew;
      const onRefused = (error: unknown) => {
        if (isTakenOver) onFailure(error);
      };
      const log = new ExecutionLog(this.journal, claim, state, onRefused, this.stats);
      try {
        row.started_at ??= new Date();
        const change: RowChange = { status: 'running', at: row.started_at.toISOString() };
        const reused = state.status === 'queued' && row.kept ? keptEvents(row.kept, row.workflow) : [];
        const events = [started, ...retriedSteps(state, new KeptOutputs(kept)), ...reused];
        // The first owner need not find out whether another one is still appending. So its first node runs during this
        // commit, and what that node records does not wait for another turn.
        if (isNew) log.record(events, change);
        else await log.append(events, change);
        isTakenOver = true;
        return { log, waits, kept, spentMs };
      } catch (error) {
        if (!(error instanceof SequenceTakenError) || tries === MAX_TRIES) throw error;
      }
    }
  }

  /**
   * Restores the execution from one snapshot of its events. If an event is appended after that, our own append fails, and
   * the execution is restored again.
   */
  private async restore(executionId: string): Promise<RestoredExecution> {
    const { events: recorded, lastSequence } = (await this.stateOf.find(executionId))!;
    // After the events, so that no event of a wait or of an answer lacks its row.
    const [waits = [], kept = []] = await Promise.all([
      this.waitsOf.find(executionId),
      this.keptOf.find(executionId),
    ]);
    const events = recorded.map(parseEvent);
    const state = events.reduce(applyEvent, initialState());
    state.lastSequence = lastSequence;
    return {
      state,
      waits,
      kept,
      spentMs: timeSpent(events),
      terminalEvent: events.find(({ type }) => isTerminalEvent(type)),
    };
  }

  /** Ends a row whose journal has a terminal event. Earlier releases could leave such rows open; the journal is right. */
  private async repairRow(row: ExecutionRow, terminalEvent: ExecutionEvent): Promise<void> {
    const change = terminalChange(terminalEvent);
    if (change) await this.journal.append({ executionId: row.id, attempt: row.attempt }, [], change);
  }
}

const newExecution = (): RestoredExecution => ({
  state: initialState(),
  waits: [],
  kept: [],
  spentMs: 0,
  terminalEvent: undefined,
});

/** Makes the events of the earlier owner's unfinished steps: their nodes run again. */
const retriedSteps = (state: ExecutionState, kept: KeptOutputs): EventDraft[] =>
  endSteps(state, ['running'], 'retrying', {
    error: 'The process that ran this step has stopped; the node runs again.',
  }).map((draft) => {
    const { fields } = draft;
    // A call of a model may have been in progress. What it has used is then not known.
    const isAgent = fields.nodeType === 'agent' || fields.nodeType === 'subagent';
    return {
      ...draft,
      fields: { ...fields, ...kept.fieldsOf(fields), ...(isAgent && { incomplete: true }) },
    };
  });

/** The row change that belongs to a terminal event. */
function terminalChange(event: ExecutionEvent): RowChange | undefined {
  const at = event.timestamp;
  switch (event.type) {
    case 'execution:completed':
      return { status: 'completed', at, output: event.result.output ?? null };
    case 'execution:failed': {
      const { error: message, code, nodeId } = event;
      return { status: 'failed', at, error: { message, code, ...(nodeId !== undefined && { nodeId }) } };
    }
    case 'execution:cancelled':
      return { status: 'cancelled', at };
    default:
      return undefined;
  }
}
