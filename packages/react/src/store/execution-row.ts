import type { ExecutionEvent, ExecutionSummary } from '@cloutagent/contract';
import { applyEvent, initialState } from '@cloutagent/contract/reduce';

/** Events kept to put on top of an answer that is older than they are. */
const MOST_EVENTS = 500;

/** One line of a list: a summary as the server gave it, and the events since. */
export class ExecutionRow {
  private summary: ExecutionSummary;
  /** `lastSequence` of the latest answer. */
  private answered: number;
  private events: ExecutionEvent[] = [];

  constructor(summary: ExecutionSummary) {
    this.summary = summary;
    this.answered = summary.lastSequence;
  }

  /** Takes an answer of the server. Events that it does not count yet are added to it again; an older one is no news. */
  refresh(summary: ExecutionSummary): void {
    if (summary.lastSequence < this.answered) return;
    this.answered = summary.lastSequence;
    const newer = this.events.filter(({ sequence }) => sequence > summary.lastSequence);
    this.summary = summary;
    this.events = [];
    for (const event of newer) this.apply(event);
  }

  /** Adds an event; one that the server's answer already counted changes nothing. */
  apply(event: ExecutionEvent): void {
    if (event.sequence <= this.summary.lastSequence) return;
    const kept = withoutOutputs(event);
    this.summary = summaryAfter(this.summary, kept);
    this.events.push(kept);
    if (this.events.length > MOST_EVENTS) this.events.shift();
  }

  view(): ExecutionSummary {
    return this.summary;
  }
}

/** A line of a list holds on to nothing large. */
function withoutOutputs(event: ExecutionEvent): ExecutionEvent {
  if (event.type === 'execution:step') return { ...event, output: null };
  if (event.type !== 'execution:completed') return event;
  return { ...event, result: { ...event.result, input: null, output: null, steps: [] } };
}

/** The summary with what an event says added. The contract's reduction gives status, tokens and cost. */
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

/** Fields that the contract's reduction does not keep. */
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
