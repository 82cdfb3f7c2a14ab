import type { Execution, ExecutionEvent, ExecutionState } from '@cloutagent/contract';
import { applyEvent } from '@cloutagent/contract/reduce';

/** Events kept to put on top of an answer that is older than they are. */
const MOST_EVENTS = 500;

/** One line of a list: an Execution as the server gave it, and the events since. */
export class ExecutionRow {
  private state: ExecutionState;
  private execution: Execution;
  /** `lastSequence` of the latest answer. */
  private answered: number;
  private events: ExecutionEvent[] = [];
  private current: Execution | undefined;

  constructor(execution: Execution) {
    this.execution = execution;
    this.answered = execution.lastSequence;
    this.state = stateOf(execution);
  }

  /** Takes an answer of the server. Events that it does not count yet are added to it again; an older one is no news. */
  refresh(execution: Execution): void {
    if (execution.lastSequence < this.answered) return;
    this.answered = execution.lastSequence;
    const newer = this.events.filter(({ sequence }) => sequence > execution.lastSequence);
    this.execution = execution;
    this.state = stateOf(execution);
    this.current = undefined;
    this.events = [];
    for (const event of newer) this.apply(event);
  }

  /** Adds an event; one that the server's answer already counted changes nothing. */
  apply(event: ExecutionEvent): void {
    if (event.sequence <= this.state.lastSequence) return;
    applyEvent(this.state, event);
    this.execution = { ...this.execution, ...besides(this.execution, event) };
    this.current = undefined;
    this.events.push(event);
    if (this.events.length > MOST_EVENTS) this.events.shift();
  }

  view(): Execution {
    if (!this.current) {
      const { status, steps, tokenUsage, costUSD, lastSequence } = this.state;
      this.current = { ...this.execution, status, steps: [...steps], tokenUsage, costUSD, lastSequence };
    }
    return this.current;
  }
}

const stateOf = ({ status, steps, tokenUsage, costUSD, lastSequence }: Execution): ExecutionState => ({
  status,
  steps: [...steps],
  tokenUsage,
  costUSD,
  modelUsage: {},
  lastSequence,
});

/** What an event says about an Execution besides what the contract's reduction keeps. */
function besides({ startedAt }: Execution, event: ExecutionEvent): Partial<Execution> {
  switch (event.type) {
    case 'execution:started':
      return { startedAt: startedAt ?? event.timestamp };
    case 'execution:completed':
      return event.result;
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

const end = (startedAt: string | undefined, completedAt: string): Partial<Execution> => ({
  completedAt,
  ...(startedAt !== undefined && { duration: Date.parse(completedAt) - Date.parse(startedAt) }),
});
