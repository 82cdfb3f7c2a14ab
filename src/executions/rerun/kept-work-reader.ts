import { Inject, Injectable } from '@nestjs/common';
import { applyEvent, type ExecutionEvent, initialState, type Step } from '@cloutagent/contract';
import { Settings } from '../../config/settings.js';
import type { KeptChild, KeptStep, KeptWork } from '../../database/schema.js';
import { childHashOf, workflowHashOf } from '../../engine/children/child-hash.js';
import type { ExecutionRow } from '../../engine/execution-row.js';
import { parseEvent } from '../../events/event-bus.js';
import { JournalReader } from '../../journal/journal-reader.js';
import { ExecutionsRepository } from '../executions.repository.js';
import { type EndedChild, KeptChildrenRepository } from './kept-children.repository.js';
import { keptNodes, type RerunPlan } from './kept-nodes.js';

/** How many bytes of outputs of child executions may still be kept. */
interface Budget {
  bytes: number;
}

/** Children whose journals are read at the same time. */
const CONCURRENT_CHILDREN = 4;

/** Collects the work of an execution that a re-run keeps. */
@Injectable()
export class KeptWorkReader {
  constructor(
    private readonly executions: ExecutionsRepository,
    private readonly children: KeptChildrenRepository,
    private readonly journal: JournalReader,
    @Inject(Settings) private readonly settings: Settings,
  ) {}

  /**
   * Reads the work that a re-run keeps of an execution that has ended. It keeps child executions up to OUTPUTS_MAX_BYTES in
   * all; the others run again.
   */
  read(row: ExecutionRow, plan: RerunPlan): Promise<KeptWork> {
    return this.readWithin(row, plan, { bytes: this.settings.OUTPUTS_MAX_BYTES });
  }

  private async readWithin(row: ExecutionRow, plan: RerunPlan, budget: Budget): Promise<KeptWork> {
    const [{ events: recorded }, nodes] = await Promise.all([
      this.journal.readState(row.id),
      this.children.findNodes(row.id),
    ]);
    const events = recorded.map(parseEvent);
    const state = events.reduce(applyEvent, initialState());
    const answered = new Set([
      ...answeredNodes(events, state.steps, row.kept),
      ...nodes.filter(({ isAnswered }) => isAnswered).map(({ nodeId }) => nodeId),
    ]);
    const failedChildren = new Set(nodes.filter(({ hasFailed }) => hasFailed).map(({ nodeId }) => nodeId));
    const kept = keptNodes({ workflow: row.workflow, state, answered, failedChildren }, plan);

    const labels = new Map(plan.workflow.nodes.map(({ id, data }) => [id, data.label ?? id]));
    const steps = kept.steps.map((step) => ({
      ...keptStep(step, row.id),
      step: labels.get(step.nodeId)!,
      ...(answered.has(step.nodeId) && { isAnswered: true as const }),
    }));
    const children: KeptWork['children'] = {};
    for (const nodeId of kept.withChildren) {
      const known = await this.keptChildren(row, nodeId, plan.isChanged, budget);
      if (known.length > 0) children[nodeId] = known;
    }
    return { steps, branches: kept.branches, children };
  }

  /** Reads what is kept of the children of one node: of those that it ran, and of those that it had kept itself. */
  private async keptChildren(
    row: ExecutionRow,
    nodeId: string,
    isChanged: boolean,
    budget: Budget,
  ): Promise<KeptChild[]> {
    const known = new Map<number, KeptChild>();
    const keep = (child: KeptChild): void => {
      budget.bytes -= Buffer.byteLength(JSON.stringify(child));
      if (budget.bytes >= 0) known.set(child.index, child);
    };
    const earlier = row.kept && Object.hasOwn(row.kept.children, nodeId) ? row.kept.children[nodeId]! : [];
    for (const child of earlier) if (!isChanged || !childIsAnswered(child)) keep(child);
    const hashes = new Map<string, string>();
    for await (const page of this.children.read(row.id, nodeId)) {
      // A child that was cut off before it started has done nothing; what an earlier execution did still holds.
      const started = page.filter(({ isStarted }) => isStarted);
      for (const { index } of started) known.delete(index);
      for (let first = 0; first < started.length && budget.bytes > 0; first += CONCURRENT_CHILDREN) {
        const some = started.slice(first, first + CONCURRENT_CHILDREN);
        const kept = await Promise.all(some.map((child) => this.keptChild(child, isChanged, budget, hashes)));
        for (const child of kept) if (child) keep(child);
      }
    }
    return [...known.values()].toSorted((one, other) => one.index - other.index);
  }

  /** @param hashes hashes of workflows by `workflowKey`; filled here, so that each workflow is read once */
  private async keptChild(
    child: EndedChild,
    isChanged: boolean,
    budget: Budget,
    hashes: Map<string, string>,
  ): Promise<KeptChild | undefined> {
    const { id, index, status, input, output, isAnswered } = child;
    const isCompleted = status === 'completed';
    if (isCompleted && isChanged && isAnswered) return undefined;
    const row = isCompleted && hashes.has(child.workflowKey) ? undefined : await this.executions.find(id);
    if (row) hashes.set(child.workflowKey, workflowHashOf(row.workflow));
    const workflowHash = hashes.get(child.workflowKey);
    if (workflowHash === undefined) return undefined;
    const origin = { index, rerunOf: id, hash: childHashOf(workflowHash, input) };
    if (isCompleted) return { ...origin, output, ...(isAnswered && { isAnswered }) };
    if (!row) return undefined;
    const plan: RerunPlan = { workflow: row.workflow, from: 'failed', isChanged };
    const kept = await this.readWithin(row, plan, { bytes: budget.bytes });
    return { ...origin, kept };
  }
}

/** Finds the nodes of which a person has answered a wait, here or in the executions whose steps this one has kept. */
function answeredNodes(
  events: readonly ExecutionEvent[],
  steps: readonly Step[],
  kept: KeptWork | null,
): string[] {
  const ended = events.flatMap((event) =>
    event.type === 'execution:wait-ended' &&
    event.outcome === 'answered' &&
    ['approval', 'tool', 'failure'].includes(event.kind)
      ? [event.nodeId]
      : [],
  );
  // Earlier releases recorded no end of a wait.
  const approvals = steps.filter(({ nodeType }) => nodeType === 'approval').map(({ nodeId }) => nodeId);
  const reused = kept?.steps.filter(({ isAnswered }) => isAnswered).map(({ nodeId }) => nodeId) ?? [];
  const children = Object.entries(kept?.children ?? {})
    .filter(([, list]) => list.some((child) => childIsAnswered(child)))
    .map(([nodeId]) => nodeId);
  return [...ended, ...approvals, ...reused, ...children];
}

const childIsAnswered = (child: KeptChild): boolean =>
  'kept' in child
    ? child.kept.steps.some(({ isAnswered }) => isAnswered) ||
      Object.values(child.kept.children).flat().some(childIsAnswered)
    : child.isAnswered === true;

const keptStep = (step: Step, executionId: string): Omit<KeptStep, 'step'> => ({
  nodeId: step.nodeId,
  nodeType: step.nodeType,
  status: step.status as KeptStep['status'],
  ...(step.output !== undefined && { output: step.output }),
  ...(step.error !== undefined && { error: step.error }),
  ...(step.code !== undefined && { code: step.code }),
  reusedFrom: step.reusedFrom ?? executionId,
});
