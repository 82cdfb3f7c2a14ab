import type { ExecutionEvent, ExecutionEventOf, ExecutionProgress, Json } from '@cloutagent/contract';
import type { CliContext } from './cli-context.js';
import {
  costText,
  durationText,
  incompleteText,
  joined,
  shortened,
  statusText,
  tokensText,
  usageText,
  waitText,
} from './format.js';
import { NodeLines } from './node-lines.js';
import { printable, type Terminal } from './terminal.js';

/** Shows the events of one execution as they arrive. */
export class LiveView {
  private readonly out: Terminal;
  private readonly lines: NodeLines;
  private progress: ExecutionProgress | undefined;
  private readonly completed = new Set<string>();
  private tokens = 0;
  private costUSD: number | null | undefined;
  /** Nodes that have streamed text, so that their output is not shown again. */
  private readonly streamed = new Set<string>();
  /** Steps that wait, by step id. */
  private readonly waiting = new Set<string>();
  /** Nodes that have kept finished work of earlier steps. */
  private readonly kept = new Set<string>();

  constructor(private readonly context: CliContext) {
    this.out = context.out;
    this.lines = new NodeLines(this.out);
  }

  show(event: ExecutionEvent): void {
    switch (event.type) {
      case 'execution:started':
        if (event.attempt > 1) this.status(`another process continues the execution`);
        break;
      case 'execution:output':
        this.streamed.add(event.nodeId);
        this.lines.add(event.nodeId, event.chunk);
        break;
      case 'execution:thinking':
        this.lines.add(event.nodeId, event.chunk, (text) => this.dim(text));
        break;
      case 'execution:tool-call':
        this.node(event.nodeId, `→ ${event.toolName}(${shortened(event.toolArgs)})`);
        break;
      case 'execution:tool-result':
        this.node(
          event.nodeId,
          joined(
            `${event.isError ? '✖' : '←'} ${shortened(event.result)}`,
            event.toolArgs === undefined ? '' : `called with changed arguments ${shortened(event.toolArgs)}`,
          ),
        );
        break;
      case 'execution:step':
        this.step(event);
        break;
      case 'execution:waiting':
        this.lines.end(event.nodeId);
        this.node(event.nodeId, describeWait(event));
        break;
      case 'execution:wait-ended':
        this.node(event.nodeId, joined(OUTCOMES[event.outcome], event.by ? `by ${event.by}` : ''), true);
        break;
      case 'execution:branch':
        this.node(event.nodeId, describeBranch(event), true);
        break;
      case 'execution:progress':
        this.progress = event;
        break;
      case 'execution:token-usage':
        this.tokens = event.usage.total;
        break;
      case 'execution:cost-update':
        this.costUSD = event.totalCostUSD;
        break;
      case 'execution:retry':
        this.node(
          event.nodeId,
          `${event.error} Attempt ${event.attempt} begins in ${durationText(event.delayMs)}; ${this.kept.has(event.nodeId) ? 'finished work is kept, the text after it is dropped.' : 'the output so far is dropped.'}`,
        );
        break;
      case 'execution:paused':
      case 'execution:resumed':
        this.status(joined(event.type.slice('execution:'.length), event.reason ?? ''));
        break;
      case 'execution:completed':
        this.lines.endAll();
        this.showOutput(event.result.output);
        this.end('completed', joined(durationText(event.result.duration), usageText(event.result)));
        break;
      case 'execution:failed':
        this.lines.endAll();
        this.end('failed', `${event.error} (${event.code})`);
        break;
      case 'execution:cancelled':
        this.lines.endAll();
        this.end('cancelled', event.reason ?? '');
        break;
      default:
    }
  }

  private step(event: ExecutionEventOf<'execution:step'>): void {
    const { nodeId, nodeType, stepId, status, attempt, duration, error, reusedFrom, continues } = event;
    this.lines.end(nodeId);
    switch (status) {
      case 'running':
        if (this.waiting.delete(stepId)) this.node(nodeId, 'continues', true);
        else {
          const begins = continues === undefined ? 'started' : 'continues its finished work';
          if (continues === undefined) this.kept.delete(nodeId);
          this.node(nodeId, `${nodeType} ${begins}${attempt > 1 ? `, attempt ${attempt}` : ''}`, true);
        }
        break;
      case 'waiting':
        // The event `execution:waiting` says for what.
        this.waiting.add(stepId);
        break;
      case 'completed':
        this.completed.add(nodeId);
        this.node(
          nodeId,
          joined(reusedFrom ? `kept from ${reusedFrom}` : 'done', durationText(duration), this.totals()),
          true,
        );
        if (event.incomplete) this.node(nodeId, incompleteText(event));
        break;
      case 'skipped':
        this.node(nodeId, 'skipped', true);
        break;
      case 'retrying':
        if (event.keptThrough !== undefined) this.kept.add(nodeId);
        break;
      default:
        this.node(nodeId, joined(status, error ?? '', incompleteText(event)));
    }
  }

  private totals(): string {
    const { completedSteps = 0, totalSteps = 0 } = this.progress ?? {};
    // The event with the progress follows that of the step.
    const completed = Math.max(completedSteps, this.completed.size);
    return joined(
      totalSteps > 0 ? `${completed} of ${totalSteps} nodes` : '',
      this.tokens > 0 ? tokensText(this.tokens) : '',
      this.costUSD === undefined ? '' : costText(this.costUSD),
    );
  }

  /** Shows the output, unless it is a text and a node has streamed texts, of which it is one. */
  private showOutput(output: Json | undefined): void {
    if (output === undefined || output === null) return;
    if (typeof output === 'string' && this.streamed.size > 0) return;
    this.lines.print(typeof output === 'string' ? printable(output) : JSON.stringify(output, undefined, 2));
  }

  private node(nodeId: string, text: string, isMinor = false): void {
    const line = printable(text);
    this.lines.print(this.out.style('cyan', `${printable(nodeId)} │ `) + (isMinor ? this.dim(line) : line));
  }

  private status(text: string): void {
    this.lines.print(this.dim(printable(text)));
  }

  private end(status: 'completed' | 'failed' | 'cancelled', text: string): void {
    this.lines.print(joined(statusText(this.context.out, status), printable(text)));
  }

  private dim(text: string): string {
    return this.out.style('dim', text);
  }
}

const OUTCOMES: Record<ExecutionEventOf<'execution:wait-ended'>['outcome'], string> = {
  answered: 'answered',
  expired: 'expired',
  signalled: 'signal received',
  fired: 'the time has come',
  'children-done': 'the child executions have ended',
  cancelled: 'no longer waits',
};

/** Describes what a node waits for, and the command that ends the wait. */
function describeWait(event: ExecutionEventOf<'execution:waiting'>): string {
  const { executionId, nodeId, waitId, kind, schema, signal, until } = event;
  const hints: Partial<Record<typeof kind, string>> = {
    approval: schema
      ? `cloutagent answer ${waitId} --approve --values … | --reject`
      : `cloutagent approve ${executionId} --node ${nodeId} [--reject] [--comment …]`,
    signal: `cloutagent signal ${executionId} ${signal ?? '…'} [body]`,
    tool: `cloutagent answer ${waitId} --action approve [--args …] | deny [--reason …]`,
    failure: `cloutagent answer ${waitId} --action retry | fail | output`,
    children: `cloutagent list --parent ${executionId}`,
  };
  const deadline = until === undefined ? '' : `until ${until}`;
  return joined(`waits for ${waitText(event)}`, deadline, hints[kind] ?? '');
}

const describeBranch = ({ taken, notTaken }: ExecutionEventOf<'execution:branch'>): string =>
  joined(
    taken.length > 0 ? `takes ${taken.join(', ')}` : 'takes no edge',
    notTaken.length > 0 ? `not ${notTaken.join(', ')}` : '',
  );
