import type { EventDraft } from '@cloutagent/contract';
import { Logger } from '../../logging/logger.js';
import type { RowChange } from '../../journal/row-change.js';
import type { ChildExecutions } from '../children/child-executions.js';
import type { ExecutionRow } from '../execution-row.js';
import type { ExecutionLog } from './execution-log.js';
import type { NodeRunner } from './node-runner.js';
import type { WaitRow } from './node-waits.js';
import { elapsedMs, stepEvent } from './step-events.js';

interface EndScope {
  readonly row: ExecutionRow;
  readonly log: ExecutionLog;
  readonly nodes: NodeRunner;
  readonly children: ChildExecutions;
  /** Reads the waits that have ended, and whose end the journal does not have. */
  readonly readEndedWaits: () => Promise<readonly WaitRow[]>;
}

/** Records the end of an execution that this process owns. */
export class ExecutionEnd {
  private static readonly logger = new Logger(ExecutionEnd.name);

  constructor(private readonly scope: EndScope) {}

  /**
   * Records the end, in one append with the steps and waits that it cuts off. Child executions end first. The run must have
   * stopped.
   * @param events recorded before the terminal event
   * @param ended waits that have ended and are not applied, by id
   * @param isReleased whether another process continues the execution: then nothing is recorded
   * @returns whether the end is recorded
   */
  async record(
    { events, terminal, change }: { events: readonly EventDraft[]; terminal: EventDraft; change: RowChange },
    ended: ReadonlyMap<string, WaitRow>,
    isReleased: () => boolean,
  ): Promise<boolean> {
    const { row, log, nodes, children } = this.scope;
    const open = [...nodes.openWaits()];
    const hasChildren = open.some(({ kind }) => kind === 'children');
    if (hasChildren) {
      // A child can be found and cancelled only when it is stored.
      await log.whenCommitted();
      // If this process crashes now, the next owner finds the failure and ends the execution again.
      if (events.length > 0) log.record(events, change.records ? { records: change.records } : undefined);
      const reason = `The execution above has ended: ${change.status}.`;
      await children.endAll(row.id, row.desired_state_by, reason);
    }
    const known = open.length > 0 ? await this.withEndedWaits(ended) : ended;
    const used = hasChildren ? await nodes.readChildrenUsage(open) : [];
    if (isReleased()) return false;
    nodes.recordUncounted();
    const waits = nodes.endWaits(known);
    const records = [...((!hasChildren && change.records) || []), ...waits.records];
    const before = hasChildren ? [] : events;
    const usage = nodes.childrenUsageEvents(used);
    await log.append([...waits.events, ...usage, ...this.cutOffSteps(before), ...before, terminal], {
      ...change,
      records,
    });
    return true;
  }

  /** Adds the waits that have ended during a pause or at this moment, so that the end records what became of them. */
  private async withEndedWaits(ended: ReadonlyMap<string, WaitRow>): Promise<ReadonlyMap<string, WaitRow>> {
    try {
      const read = await this.scope.readEndedWaits();
      return new Map([...ended, ...read.map((wait) => [wait.id, wait] as const)]);
    } catch (error) {
      ExecutionEnd.logger.warn(
        `ended waits could not be read, they are cancelled: ${(error as Error).message}`,
        {
          executionId: this.scope.row.id,
        },
      );
      return ended;
    }
  }

  /** Makes the events of the steps that the end cuts off. @param events those of steps that end otherwise */
  private cutOffSteps(events: readonly EventDraft[]): EventDraft[] {
    const { nodes, log } = this.scope;
    const ended = new Set(
      events.map((event) => (event.type === 'execution:step' ? event.fields.stepId : undefined)),
    );
    const isOpen = (stepId: string): boolean => {
      const status = log.state.steps.findLast((step) => step.stepId === stepId)?.status;
      return status === 'running' || status === 'waiting';
    };
    return [...nodes.runningSteps.values(), ...nodes.waitingSteps.values()]
      .filter(({ stepId }) => !ended.has(stepId) && isOpen(stepId))
      .map((step) => stepEvent(step, 'cancelled', { duration: elapsedMs(step) }));
  }
}
