import { ProblemError } from '../../problems/problem.error.js';
import type { ConfigCheck, ConfigProblem } from '../extension/node-handler.js';
import { FairSemaphore } from './fair-semaphore.js';
import type { TransformPool } from './transform-pool.js';
import { type TransformProcess, TransformStoppedError } from './transform-process.js';

/** Limits of one message to a process. A single workflow may exceed MAX_CHARACTERS. */
const MAX_WORKFLOWS = 64;
const MAX_CHARACTERS = 262_144;

/** The problem of an expression; undefined if it is valid. */
export type ExpressionProblem = Omit<ConfigProblem, 'path'> | undefined;

/** The expressions of one posted workflow. */
interface WorkflowExpressions {
  readonly expressions: string[];
  readonly result: PromiseWithResolvers<ExpressionProblem[]>;
  /** Refuses the workflow if no process becomes free in time. */
  timer: NodeJS.Timeout | undefined;
  /** Whether it is checked for the second time: the process of its first check was killed for another workflow. */
  isRepeated: boolean;
}

/**
 * Has the expressions of posted workflows parsed by the transform processes. Projects take turns. In its turn a project
 * sends all its waiting workflows in one message; otherwise a hundred requests at once would wait for a hundred messages,
 * one after the other.
 */
export class ExpressionChecks {
  private readonly slots: FairSemaphore;
  /** Workflows whose nodes are still adding expressions. */
  private readonly collecting = new WeakMap<object, WorkflowExpressions>();
  /** Complete workflows, by project. */
  private readonly waiting = new Map<string, WorkflowExpressions[]>();
  /** What each active project waits for: a slot, or with a slot for a process to start. */
  private readonly waitingFor = new Map<string, 'slot' | 'process'>();

  /**
   * @param slots checks at the same time
   * @param timeoutMs time for all expressions of a workflow; also the limit of the wait for a free process
   */
  constructor(
    private readonly pool: TransformPool,
    slots: number,
    private readonly timeoutMs: number,
  ) {
    this.slots = new FairSemaphore(slots);
  }

  /**
   * Parses one of the expressions of a posted workflow.
   * @throws ProblemError 503 `no_worker_free`
   */
  async check(
    expression: string,
    check: Pick<ConfigCheck, 'projectId' | 'request'>,
  ): Promise<ExpressionProblem> {
    let workflow = this.collecting.get(check.request);
    if (!workflow) {
      workflow = { expressions: [], result: Promise.withResolvers(), timer: undefined, isRepeated: false };
      this.collecting.set(check.request, workflow);
      const added = workflow;
      // All nodes of the workflow add their expressions before this microtask runs.
      queueMicrotask(() => {
        this.collecting.delete(check.request);
        this.add(check.projectId, added);
      });
    }
    const index = workflow.expressions.push(expression) - 1;
    return (await workflow.result.promise)[index];
  }

  private add(projectId: string, workflow: WorkflowExpressions): void {
    const waiting = this.waiting.get(projectId) ?? [];
    this.waiting.set(projectId, waiting);
    waiting.push(workflow);
    if (!this.waitingFor.has(projectId)) void this.run(projectId);
    if (this.waitingFor.get(projectId) === 'process') return;
    workflow.timer = setTimeout(() => {
      waiting.splice(waiting.indexOf(workflow), 1);
      workflow.result.reject(new NoWorkerFreeError());
    }, this.timeoutMs);
  }

  private async run(projectId: string): Promise<void> {
    this.waitingFor.set(projectId, 'slot');
    const slot = await this.slots.acquire(projectId, NEVER);
    this.waitingFor.set(projectId, 'process');
    for (const { timer } of this.waiting.get(projectId) ?? []) clearTimeout(timer);
    const process = await this.pool.acquire(projectId);
    this.waitingFor.delete(projectId);
    const workflows = this.takeBatch(projectId);
    try {
      if (process && workflows.length > 0) await this.parse(projectId, workflows, process);
      else for (const { result } of workflows) result.reject(new NoWorkerFreeError());
    } finally {
      if (process) this.pool.release(process);
      slot.release();
    }
  }

  /** Takes the project's waiting workflows, as many as fit into one message. The rest waits for the next turn. */
  private takeBatch(projectId: string): WorkflowExpressions[] {
    const waiting = this.waiting.get(projectId) ?? [];
    this.waiting.delete(projectId);
    let characters = 0;
    const exceedsMessage = ({ expressions }: WorkflowExpressions, index: number): boolean => {
      for (const { length } of expressions) characters += length;
      return index > 0 && (index === MAX_WORKFLOWS || characters > MAX_CHARACTERS);
    };
    const restAt = waiting.findIndex(exceedsMessage);
    if (restAt > 0) for (const workflow of waiting.splice(restAt)) this.add(projectId, workflow);
    return waiting;
  }

  private async parse(
    projectId: string,
    workflows: readonly WorkflowExpressions[],
    process: TransformProcess,
  ): Promise<void> {
    const expressions = workflows.flatMap((workflow) => workflow.expressions);
    // The index of each workflow's first expression in the message.
    let first = 0;
    const firstIndexes = workflows.map(
      (workflow) => (first += workflow.expressions.length) - workflow.expressions.length,
    );
    try {
      const job = { kind: 'check', projectId, expressions } as const;
      const { problems = [] } = await process.run(job, this.timeoutMs, NEVER, {
        restartAt: new Set(firstIndexes),
      });
      for (const [at, { result, expressions: own }] of workflows.entries())
        result.resolve(problems.slice(firstIndexes[at], firstIndexes[at]! + own.length).map(toProblem));
    } catch (error) {
      if (error instanceof TransformStoppedError)
        this.refuse(projectId, workflows, firstIndexes, error.expressionIndex);
      else for (const { result } of workflows) result.reject(error);
    }
  }

  /**
   * Refuses the workflow whose expression the process was checking when it was killed. The other workflows are checked
   * again, once.
   */
  private refuse(
    projectId: string,
    workflows: readonly WorkflowExpressions[],
    firstIndexes: readonly number[],
    expressionIndex: number,
  ): void {
    const message = `is too complex: the server needs more than ${this.timeoutMs} ms to parse the expressions of this workflow (CHECK_TIMEOUT_MS). Simplify the expression, or split it into several nodes`;
    const refusedAt = firstIndexes.findLastIndex((first) => first <= expressionIndex);
    for (const [at, workflow] of workflows.entries()) {
      if (at !== refusedAt && workflow.isRepeated) workflow.result.reject(new NoWorkerFreeError());
      else if (at !== refusedAt) {
        workflow.isRepeated = true;
        this.add(projectId, workflow);
      } else
        workflow.result.resolve(
          workflow.expressions.map((_expression, index) =>
            firstIndexes[at]! + index === expressionIndex
              ? { message, code: 'expression_too_complex' }
              : undefined,
          ),
        );
    }
  }
}

const NEVER = new AbortController().signal;

/** 503: all processes that check expressions are busy. */
class NoWorkerFreeError extends ProblemError {
  constructor() {
    super('no_worker_free', undefined, { headers: { 'Retry-After': '1' } });
  }
}

function toProblem(problem: string | null | undefined): ExpressionProblem {
  if (!problem) return undefined;
  const { message, position } = JSON.parse(problem) as { message: string; position?: number };
  return { message: `is not valid JSONata: ${message}${position === undefined ? '' : ` (at ${position})`}` };
}
