import { Injectable } from '@nestjs/common';
import {
  applyEvent,
  type EventDraft,
  type ExecutionEvent,
  type ExecutionState,
  initialState,
  isTerminalEvent,
} from '@cloutagent/contract';
import { parseEvent } from '../../events/event-bus.js';
import { SequenceTakenError } from '../../journal/append-errors.js';
import type { RowChange } from '../../journal/append-statement.js';
import { Journal } from '../../journal/journal.js';
import { JournalReader } from '../../journal/journal-reader.js';
import { EngineStats } from './engine-stats.js';
import { ExecutionLog } from './execution-log.js';
import type { ExecutionRow } from '../execution-row.js';
import { NodeRegistry } from '../extension/node-registry.js';
import { timeSpent } from './time-spent.js';

const TRIES = 5;

/** What an execution has come to by the events so far. */
interface Past {
  state: ExecutionState;
  /** How much of its time limit it has used. */
  spentMs: number;
  /** Its end, if the journal has one. */
  end: ExecutionEvent | undefined;
}

/** The first thing that a new owner does: it reads what is done and records `execution:started`. */
@Injectable()
export class Takeover {
  constructor(
    private readonly journal: Journal,
    private readonly reader: JournalReader,
    private readonly stats: EngineStats,
    private readonly registry: NodeRegistry,
  ) {}

  /**
   * Takes over an execution that this process has claimed. An owner before it that still lives may append until
   * `execution:started` is committed; then its next sequence is taken, and it stops.
   * @param onFailure called when a later append of the returned log is refused
   * @returns nothing when the execution has ended already
   * @throws StaleOwnerError when another process has claimed it since
   */
  async start(
    row: ExecutionRow,
    onFailure: (error: unknown) => void,
  ): Promise<{ log: ExecutionLog; spentMs: number } | undefined> {
    for (let tries = 1; ; tries += 1) {
      // Nobody owned it before, so there is nothing to read. Were that wrong, the append would find its place taken.
      const isFresh = row.attempt === 1 && tries === 1;
      const { state, spentMs, end } = isFresh ? fresh() : await this.read(row.id);
      if (end) {
        await this.repair(row, end);
        return undefined;
      }
      const started: EventDraft = {
        type: 'execution:started',
        fields: { projectId: row.project_id, attempt: row.attempt },
      };
      const claim = { executionId: row.id, attempt: row.attempt };
      let taken = false;
      const onRefused = (error: unknown) => {
        if (taken) onFailure(error);
      };
      const log = new ExecutionLog(this.journal, claim, state, onRefused, this.stats);
      try {
        row.started_at ??= new Date();
        const change: RowChange = { status: 'running', at: row.started_at.toISOString() };
        await log.append([started, ...cutOff(state)], change);
        taken = true;
        return { log, spentMs };
      } catch (error) {
        if (!(error instanceof SequenceTakenError) || tries === TRIES) throw error;
      }
    }
  }

  /** The last sequence first: whatever is appended after that makes our own append fail, and we read again. */
  private async read(executionId: string): Promise<Past> {
    const last = (await this.reader.lastSequences([executionId])).get(executionId) ?? 0;
    const milestones = await this.reader.stateEvents([executionId]);
    const events = (milestones.get(executionId) ?? []).map(parseEvent);
    const state = events.reduce(applyEvent, initialState());
    state.lastSequence = last;
    return {
      state,
      spentMs: timeSpent(events, (type) => this.registry.find(type)?.asks === true),
      end: events.find(({ type }) => isTerminalEvent(type)),
    };
  }

  /** A release before this one could leave a row open whose journal has an end. The journal is right. */
  private async repair(row: ExecutionRow, end: ExecutionEvent): Promise<void> {
    const change = changeOf(end);
    if (change) await this.journal.append({ executionId: row.id, attempt: row.attempt }, [], change);
  }
}

const fresh = (): Past => ({ state: initialState(), spentMs: 0, end: undefined });

/** Steps of the owner before that have not ended: their nodes run again. */
function cutOff(state: ExecutionState): EventDraft[] {
  return state.steps
    .filter((step) => step.status === 'running')
    .map(({ step, stepId, nodeId, nodeType, attempt }): EventDraft => {
      const error = 'The process that ran this step has gone; the step runs again.';
      return {
        type: 'execution:step',
        fields: { step, stepId, nodeId, nodeType, status: 'retrying', attempt, error },
      };
    });
}

function changeOf(end: ExecutionEvent): RowChange | undefined {
  const at = end.timestamp;
  switch (end.type) {
    case 'execution:completed':
      return { status: 'completed', at, output: end.result.output ?? null };
    case 'execution:failed': {
      const { error: message, code, nodeId } = end;
      return { status: 'failed', at, error: { message, code, ...(nodeId !== undefined && { nodeId }) } };
    }
    case 'execution:cancelled':
      return { status: 'cancelled', at };
    default:
      return undefined;
  }
}
