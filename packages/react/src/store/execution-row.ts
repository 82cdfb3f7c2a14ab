import type { ExecutionEvent, ExecutionSummary } from '@cloutagent/contract';
import { applyEvent, initialState } from '@cloutagent/contract/reduce';

/** Number of events that are kept, to apply them again to a response that is older than they are. */
const MAX_EVENTS = 500;

/** One row of a list: the server's summary, updated by the events since. */
export class ExecutionRow {
  private summary: ExecutionSummary;
  /** `lastSequence` of the server's latest response. */
  private fetchedSequence: number;
  private events: ExecutionEvent[] = [];
  /** Number of waits that have begun since the execution was listed, without those that have ended. */
  private waits = 0;

  constructor(summary: ExecutionSummary) {
    this.summary = summary;
    this.fetchedSequence = summary.lastSequence;
  }

  /** Replaces the summary by the server's response and applies newer events again. Ignores an outdated response. */
  refresh(summary: ExecutionSummary): void {
    if (summary.lastSequence < this.fetchedSequence) return;
    this.fetchedSequence = summary.lastSequence;
    const newer = this.events.filter(({ sequence }) => sequence > summary.lastSequence);
    this.summary = summary;
    this.events = [];
    for (const event of newer) this.add(event);
  }

  /** Applies an event. An event that the summary already includes changes nothing. */
  apply(event: ExecutionEvent): void {
    if (event.sequence <= this.summary.lastSequence) return;
    if (event.type === 'execution:waiting') this.waits += 1;
    if (event.type === 'execution:wait-ended') this.waits = Math.max(0, this.waits - 1);
    this.add(withoutOutputs(event));
  }

  private add(event: ExecutionEvent): void {
    this.summary = summaryAfter(this.summary, event);
    this.events.push(event);
    if (this.events.length > MAX_EVENTS) this.events.shift();
  }

  /** Whether the execution may have an open wait. */
  get hasWaits(): boolean {
    return this.waits > 0 || this.summary.status === 'waiting';
  }

  view(): ExecutionSummary {
    return this.summary;
  }
}

/** Removes inputs and outputs, so that a row of a list keeps nothing large in memory. */
function withoutOutputs(event: ExecutionEvent): ExecutionEvent {
  if (event.type === 'execution:step') return { ...event, output: null };
  if (event.type !== 'execution:completed') return event;
  return { ...event, result: { ...event.result, input: null, output: null, steps: [] } };
}

/** Applies an event to a summary. The contract's `applyEvent` gives status, tokens and cost. */
function summaryAfter(summary: ExecutionSummary, event: ExecutionEvent): ExecutionSummary {
  const { status, tokenUsage, costUSD, lastSequence } = applyEvent(
    { ...initialState(), ...pick(summary) },
    event,
  );
  return { ...summary, status, tokenUsage, costUSD, lastSequence, ...extraFields(summary, event) };
}

const pick = ({ status, tokenUsage, costUSD, lastSequence }: ExecutionSummary) => ({
  status,
  tokenUsage,
  costUSD,
  lastSequence,
});

/** Returns the fields that the contract's `applyEvent` does not keep. */
function extraFields({ startedAt }: ExecutionSummary, event: ExecutionEvent): Partial<ExecutionSummary> {
  switch (event.type) {
    case 'execution:started':
      return { startedAt: startedAt ?? event.timestamp };
    case 'execution:progress': {
      const { completedSteps, totalSteps, percent } = event;
      return { progress: { completedSteps, totalSteps, percent } };
    }
    case 'execution:completed': {
      const { completedAt, duration } = event.result;
      return {
        ...(completedAt !== undefined && { completedAt }),
        ...(duration !== undefined && { duration }),
      };
    }
    case 'execution:failed': {
      const { error: message, code, nodeId } = event;
      return {
        error: { message, code, ...(nodeId !== undefined && { nodeId }) },
        ...end(startedAt, event.timestamp),
      };
    }
    case 'execution:cancelled':
      return end(startedAt, event.timestamp);
    default:
      return {};
  }
}

const end = (startedAt: string | undefined, completedAt: string): Partial<ExecutionSummary> => ({
  completedAt,
  ...(startedAt !== undefined && { duration: Date.parse(completedAt) - Date.parse(startedAt) }),
});
