import { ProblemError } from '../../problems/problem.error.js';
import type { ConfigCheck, ConfigProblem } from '../extension/node-handler.js';
import type { FairSemaphore } from './fair-semaphore.js';
import type { SchemaProblem } from './json-schema.realm.js';
import { schemaMessage } from './schema-messages.js';
import type { TransformPool } from './transform-pool.js';
import { type CheckedText, type TransformProcess, TransformStoppedError } from './transform-process.js';

/** Limits of one message to a process. A single workflow may exceed MAX_CHARACTERS. */
const MAX_WORKFLOWS = 64;
const MAX_CHARACTERS = 262_144;

/** The expressions and schemas of one posted workflow. */
interface WorkflowTexts {
  readonly texts: CheckedText[];
  /** The problems of each text. */
  readonly result: PromiseWithResolvers<ConfigProblem[][]>;
  /** Refuses the workflow if no process becomes free in time. */
  timer: NodeJS.Timeout | undefined;
  /** Whether it is checked for the second time: the process of its first check was killed for another workflow. */
  isRepeated: boolean;
}

/**
 * Has the expressions and JSON Schemas of posted workflows checked by the transform processes. Projects take turns. In its turn a project
 * sends all its waiting workflows in one message; otherwise a hundred requests at once would wait for a hundred messages,
 * one after the other.
 */
export class ConfigChecks {
  /** Workflows whose nodes are still adding texts. */
  private readonly collecting = new WeakMap<object, WorkflowTexts>();
  /** Complete workflows, by project. */
  private readonly waiting = new Map<string, WorkflowTexts[]>();
  /** What each active project waits for: a slot, or with a slot for a process to start. */
  private readonly waitingFor = new Map<string, 'slot' | 'process'>();

  /**
   * @param slots bounds the checks at the same time
   * @param timeoutMs time for all texts of a workflow; also the limit of the wait for a free process
   */
  constructor(
    private readonly pool: TransformPool,
    private readonly slots: FairSemaphore,
    private readonly timeoutMs: number,
  ) {}

  /**
   * Checks one of the expressions and schemas of a posted workflow.
   * @returns the problems; the paths are inside the schema
   * @throws ProblemError 503 `no_worker_free`
   */
  async check(
    text: CheckedText,
    check: Pick<ConfigCheck, 'projectId' | 'request'>,
  ): Promise<ConfigProblem[]> {
    let workflow = this.collecting.get(check.request);
    if (!workflow) {
      workflow = { texts: [], result: Promise.withResolvers(), timer: undefined, isRepeated: false };
      this.collecting.set(check.request, workflow);
      const added = workflow;
      // All nodes of the workflow add their texts before this microtask runs.
      queueMicrotask(() => {
        this.collecting.delete(check.request);
        this.add(check.projectId, added);
      });
    }
    const index = workflow.texts.push(text) - 1;
    return (await workflow.result.promise)[index]!;
  }

  private add(projectId: string, workflow: WorkflowTexts): void {
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
      if (process && workflows.length > 0) await this.checkTexts(projectId, workflows, process);
      else for (const { result } of workflows) result.reject(new NoWorkerFreeError());
    } finally {
      if (process) this.pool.release(process);
      slot.release();
    }
  }

  /** Takes the project's waiting workflows, as many as fit into one message. The rest waits for the next turn. */
  private takeBatch(projectId: string): WorkflowTexts[] {
    const waiting = this.waiting.get(projectId) ?? [];
    this.waiting.delete(projectId);
    let characters = 0;
    const exceedsMessage = ({ texts }: WorkflowTexts, index: number): boolean => {
      for (const { text } of texts) characters += text.length;
      return index > 0 && (index === MAX_WORKFLOWS || characters > MAX_CHARACTERS);
    };
    const restAt = waiting.findIndex(exceedsMessage);
    if (restAt > 0) for (const workflow of waiting.splice(restAt)) this.add(projectId, workflow);
    return waiting;
  }

  private async checkTexts(
    projectId: string,
    workflows: readonly WorkflowTexts[],
    process: TransformProcess,
  ): Promise<void> {
    const texts = workflows.flatMap((workflow) => workflow.texts);
    // The index of each workflow's first text in the message.
    let first = 0;
    const firstIndexes = workflows.map(
      (workflow) => (first += workflow.texts.length) - workflow.texts.length,
    );
    try {
      const job = { kind: 'check', projectId, texts } as const;
      const { problems = [] } = await process.run(job, this.timeoutMs, NEVER, {
        restartAt: new Set(firstIndexes),
      });
      const found = texts.map(({ kind }, index) => toProblems(kind, problems[index]));
      for (const [at, { result, texts: own }] of workflows.entries())
        result.resolve(found.slice(firstIndexes[at], firstIndexes[at]! + own.length));
    } catch (error) {
      if (error instanceof TransformStoppedError)
        this.refuse(projectId, workflows, firstIndexes, error.textIndex);
      else for (const { result } of workflows) result.reject(error);
    }
  }

  /**
   * Refuses the workflow whose text the process was checking when it was killed. The other workflows are checked
   * again, once.
   */
  private refuse(
    projectId: string,
    workflows: readonly WorkflowTexts[],
    firstIndexes: readonly number[],
    textIndex: number,
  ): void {
    const message = `is too complex: the server needs more than ${this.timeoutMs} ms to check the expressions and schemas of this workflow (CHECK_TIMEOUT_MS). Simplify it, or split it into several nodes`;
    const refusedAt = firstIndexes.findLastIndex((first) => first <= textIndex);
    for (const [at, workflow] of workflows.entries()) {
      if (at !== refusedAt && workflow.isRepeated) workflow.result.reject(new NoWorkerFreeError());
      else if (at !== refusedAt) {
        workflow.isRepeated = true;
        this.add(projectId, workflow);
      } else
        workflow.result.resolve(
          workflow.texts.map((_text, index) =>
            firstIndexes[at]! + index === textIndex
              ? [{ path: [], message, code: 'expression_too_complex' }]
              : [],
          ),
        );
    }
  }
}

const NEVER = new AbortController().signal;

/** 503: all processes that check expressions and schemas are busy. */
export class NoWorkerFreeError extends ProblemError {
  constructor() {
    super('no_worker_free', undefined, { headers: { 'Retry-After': '1' } });
  }
}

function toProblems(kind: CheckedText['kind'], json: string | null | undefined): ConfigProblem[] {
  if (!json) return [];
  if (kind === 'schema')
    return (JSON.parse(json) as SchemaProblem[]).map((problem) => ({
      path: problem.path,
      message: schemaMessage(problem),
    }));
  const { message, position } = JSON.parse(json) as { message: string; position?: number };
  const place = position === undefined ? '' : ` (at ${position})`;
  return [{ path: [], message: `is not valid JSONata: ${message}${place}` }];
}
