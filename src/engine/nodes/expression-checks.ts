import { ProblemError } from '../../problems/problem.error.js';
import type { ConfigCheck, ConfigProblem } from '../extension/node-handler.js';
import { ProjectTurns } from './project-turns.js';
import type { TransformPool } from './transform-pool.js';
import { TransformStoppedError } from './transform-process.js';

/** Workflows whose expressions go to a process in one message, and characters of these unless it is one workflow. */
const MOST_TOGETHER = 64;
const MOST_CHARACTERS = 262_144;

/** What is wrong with an expression, if anything. */
export type ExpressionProblem = Omit<ConfigProblem, 'path'> | undefined;

/** The expressions of one posted workflow. */
interface Waiting {
  readonly expressions: string[];
  readonly found: PromiseWithResolvers<ExpressionProblem[]>;
  /** Runs while no process is free. */
  timer: NodeJS.Timeout | undefined;
  /** Whether it was in a message whose process was ended for another workflow's expression. */
  isRepeated: boolean;
}

/**
 * Has the expressions of posted workflows parsed by the processes. Projects take turns. All that a project has waiting at
 * its turn goes together, as a hundred requests at once would otherwise wait for a hundred messages, one after the other.
 */
export class ExpressionChecks {
  private readonly turns: ProjectTurns;
  private readonly collecting = new WeakMap<ConfigCheck, Waiting>();
  private readonly waiting = new Map<string, Waiting[]>();
  /** Projects that wait for their turn, or have it and wait for a process to start. */
  private readonly asking = new Map<string, 'turn' | 'process'>();

  /**
   * @param places checks at the same time
   * @param mostMs for all expressions of a workflow; and for the wait until a process is free
   */
  constructor(
    private readonly pool: TransformPool,
    places: number,
    private readonly mostMs: number,
  ) {
    this.turns = new ProjectTurns(places);
  }

  /**
   * Parses one of the expressions of a posted workflow.
   * @throws ProblemError 503 `no_worker_free`
   */
  async check(expression: string, check: ConfigCheck): Promise<ExpressionProblem> {
    let workflow = this.collecting.get(check);
    if (!workflow) {
      workflow = { expressions: [], found: Promise.withResolvers(), timer: undefined, isRepeated: false };
      this.collecting.set(check, workflow);
      const added = workflow;
      // After all nodes of the workflow have said what they have.
      queueMicrotask(() => {
        this.collecting.delete(check);
        this.add(check.projectId, added);
      });
    }
    const index = workflow.expressions.push(expression) - 1;
    return (await workflow.found.promise)[index];
  }

  private add(projectId: string, workflow: Waiting): void {
    const waiting = this.waiting.get(projectId) ?? [];
    this.waiting.set(projectId, waiting);
    waiting.push(workflow);
    if (!this.asking.has(projectId)) void this.run(projectId);
    if (this.asking.get(projectId) === 'process') return;
    workflow.timer = setTimeout(() => {
      waiting.splice(waiting.indexOf(workflow), 1);
      workflow.found.reject(new NoWorkerFreeError());
    }, this.mostMs);
  }

  private async run(projectId: string): Promise<void> {
    this.asking.set(projectId, 'turn');
    const release = await this.turns.acquire(projectId, NEVER);
    this.asking.set(projectId, 'process');
    for (const { timer } of this.waiting.get(projectId) ?? []) clearTimeout(timer);
    const process = await this.pool.take(projectId);
    this.asking.delete(projectId);
    const workflows = this.next(projectId);
    try {
      if (process && workflows.length > 0) await this.parse(projectId, workflows, process);
      else for (const { found } of workflows) found.reject(new NoWorkerFreeError());
    } finally {
      if (process) this.pool.rest(process);
      release();
    }
  }

  /** Takes what is waiting, as much as goes together. The rest has the next turn. */
  private next(projectId: string): Waiting[] {
    const waiting = this.waiting.get(projectId) ?? [];
    this.waiting.delete(projectId);
    let characters = 0;
    const isTooMuch = ({ expressions }: Waiting, index: number): boolean => {
      for (const { length } of expressions) characters += length;
      return index > 0 && (index === MOST_TOGETHER || characters > MOST_CHARACTERS);
    };
    const rest = waiting.findIndex(isTooMuch);
    if (rest > 0) for (const workflow of waiting.splice(rest)) this.add(projectId, workflow);
    return waiting;
  }

  private async parse(
    projectId: string,
    workflows: readonly Waiting[],
    process: NonNullable<Awaited<ReturnType<TransformPool['take']>>>,
  ): Promise<void> {
    const expressions = workflows.flatMap((workflow) => workflow.expressions);
    let first = 0;
    const firsts = workflows.map(
      (workflow) => (first += workflow.expressions.length) - workflow.expressions.length,
    );
    try {
      const job = { kind: 'check', projectId, expressions } as const;
      const { problems = [] } = await process.ask(job, this.mostMs, NEVER, new Set(firsts));
      for (const [at, { found, expressions: own }] of workflows.entries())
        found.resolve(problems.slice(firsts[at], firsts[at]! + own.length).map(describe));
    } catch (error) {
      if (error instanceof TransformStoppedError) this.refuse(projectId, workflows, firsts, error.reached);
      else for (const { found } of workflows) found.reject(error);
    }
  }

  /** Refuses the workflow at whose expression the process was ended. The others are parsed again, once. */
  private refuse(
    projectId: string,
    workflows: readonly Waiting[],
    firsts: readonly number[],
    reached: number,
  ): void {
    const message = `is too complex: all expressions of a workflow together have ${this.mostMs} ms to be parsed (CHECK_TIMEOUT_MS)`;
    const wrong = firsts.findLastIndex((first) => first <= reached);
    for (const [at, workflow] of workflows.entries()) {
      if (at !== wrong && workflow.isRepeated) workflow.found.reject(new NoWorkerFreeError());
      else if (at !== wrong) {
        workflow.isRepeated = true;
        this.add(projectId, workflow);
      } else
        workflow.found.resolve(
          workflow.expressions.map((_expression, index) =>
            firsts[at]! + index === reached ? { message, code: 'expression_too_complex' } : undefined,
          ),
        );
    }
  }
}

const NEVER = new AbortController().signal;

/** 503: all processes that check expressions are taken. */
class NoWorkerFreeError extends ProblemError {
  constructor() {
    super(503, 'no_worker_free', 'No process is free to check the expressions. Try again soon.', {
      headers: { 'Retry-After': '1' },
    });
  }
}

function describe(problem: string | null | undefined): ExpressionProblem {
  if (!problem) return undefined;
  const { message, position } = JSON.parse(problem) as { message: string; position?: number };
  return { message: `is not valid JSONata: ${message}${position === undefined ? '' : ` (at ${position})`}` };
}
