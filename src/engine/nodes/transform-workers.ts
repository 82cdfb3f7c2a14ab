import { Inject, Injectable, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import type { Json } from '@cloutagent/contract';
import { Settings } from '../../config/settings.js';
import { type ConfigCheck, type ConfigProblem, NodeError } from '../extension/node-handler.js';
import { checkShape, type ShapeLimits } from '../extension/output-shape.js';
import { ConfigChecks, NoWorkerFreeError } from './config-checks.js';
import { FairSemaphore } from './fair-semaphore.js';
import { TransformPool } from './transform-pool.js';
import {
  type CheckedText,
  type TransformAnswer,
  type TransformJob,
  type TransformProcess,
  TransformStoppedError,
} from './transform-process.js';

/** The value of a condition, or why it has none: the rest of a sentence that begins with the condition. */
export type ConditionResult = { value: boolean } | { error: string };

/** A process that evaluates expressions for a project. */
export interface TransformWorker {
  /**
   * Evaluates an expression.
   * @param document the data that the expression is evaluated on
   * @throws NodeError `transform_failed`; the signal's reason
   */
  evaluate(expression: string, document: Json): Promise<Json>;
  /**
   * Evaluates conditions, each of them within TRANSFORM_TIMEOUT_MS. A condition that exceeds a limit ends the process: the
   * worker is then of no further use, and the conditions after it have no result.
   * @param document the data that the conditions are evaluated on, as JSON
   * @returns a result for each condition, or for all up to the one that ended the process
   * @throws the signal's reason
   */
  test(conditions: readonly string[], document: string): Promise<ConditionResult[]>;
  /**
   * Validates a value by a JSON Schema, within CHECK_TIMEOUT_MS.
   * @returns the problems, as JSON
   * @throws TransformStoppedError if it takes longer, or too much memory; the signal's reason
   */
  validate(schema: string, value: string): Promise<string>;
  /** Gives the process and its slot back. Call it once. */
  release(): void;
}

/**
 * Parses and evaluates JSONata, and validates by JSON Schema, in separate processes. An expression can take seconds to parse,
 * loop, recurse, backtrack in a regular expression, or fill the memory. In the server's own event loop nothing could stop it, and in a worker thread one
 * allocation that is too large would end the whole server. A process can be killed.
 */
@Injectable()
export class TransformWorkers implements OnModuleInit, OnApplicationShutdown {
  private readonly pool: TransformPool;
  private readonly slots: FairSemaphore;
  private readonly checkSlots: FairSemaphore;
  private readonly checks: ConfigChecks;

  constructor(
    @Inject(Settings)
    private readonly settings: Pick<
      Settings,
      | 'MAX_CHECK_PROCESSES'
      | 'CHECK_TIMEOUT_MS'
      | 'TRANSFORM_TIMEOUT_MS'
      | 'TRANSFORM_MEMORY_MB'
      | 'MAX_TRANSFORM_PROCESSES'
      | 'OUTPUT_MAX_BYTES'
    > &
      ShapeLimits,
  ) {
    this.pool = new TransformPool(settings.TRANSFORM_MEMORY_MB);
    this.slots = new FairSemaphore(settings.MAX_TRANSFORM_PROCESSES);
    // Checks have slots of their own, so that a project whose expressions run long can still post workflows.
    this.checkSlots = new FairSemaphore(settings.MAX_CHECK_PROCESSES);
    this.checks = new ConfigChecks(this.pool, this.checkSlots, settings.CHECK_TIMEOUT_MS);
  }

  /** Starts one process in advance, so that the first check is not refused while a process starts. */
  onModuleInit(): void {
    this.pool.warm();
  }

  /** Kills the processes in the last phase of a shutdown: earlier, it would fail nodes whose runs are handed over. */
  onApplicationShutdown(): void {
    this.pool.killAll();
  }

  /**
   * Checks one of the expressions and schemas of a posted workflow.
   * @returns the problems; the paths are inside the schema
   * @throws ProblemError 503 `no_worker_free` if no process is free within CHECK_TIMEOUT_MS
   */
  check(text: CheckedText, check: Pick<ConfigCheck, 'projectId' | 'request'>): Promise<ConfigProblem[]> {
    return this.checks.check(text, check);
  }

  /**
   * Runs a job for an HTTP request, in one of the processes that check workflows.
   * @throws ProblemError 503 `no_worker_free` if no process is free within CHECK_TIMEOUT_MS; TransformStoppedError if the
   *   job takes longer than that, or too much memory; the signal's reason
   */
  async runForRequest(job: TransformJob, signal: AbortSignal): Promise<TransformAnswer> {
    const timeoutMs = this.settings.CHECK_TIMEOUT_MS;
    const timeout = AbortSignal.timeout(timeoutMs);
    const slot = await this.checkSlots
      .acquire(job.projectId, AbortSignal.any([signal, timeout]))
      .catch((error: unknown) => {
        throw error === timeout.reason ? new NoWorkerFreeError() : error;
      });
    try {
      const process = await this.pool.acquire(job.projectId);
      if (!process) throw new NoWorkerFreeError();
      try {
        return await process.run(job, timeoutMs, signal);
      } finally {
        this.pool.release(process);
      }
    } finally {
      slot.release();
    }
  }

  /**
   * Waits for a slot for the project and takes a process.
   * @throws NodeError `transform_failed` if no process can be started; the signal's reason when it aborts first
   */
  async acquire(projectId: string, signal: AbortSignal): Promise<TransformWorker> {
    const slot = await this.slots.acquire(projectId, signal);
    const process = await this.pool.acquire(projectId);
    if (!process) {
      slot.release();
      throw new NodeError(
        'transform_failed',
        'The server could not start a process to evaluate the expression. Start the execution again later.',
      );
    }
    return {
      evaluate: (expression, document) => this.evaluate(process, projectId, { expression, document }, signal),
      test: (conditions, document) => this.test(process, projectId, { conditions, document }, signal),
      validate: async (schema, value) => {
        const job = { kind: 'validate', projectId, schema, value } as const;
        const { json = '[]' } = await process.run(job, this.settings.CHECK_TIMEOUT_MS, signal);
        return json;
      },
      release: () => {
        this.pool.release(process);
        slot.release();
      },
    };
  }

  private async evaluate(
    process: TransformProcess,
    projectId: string,
    { expression, document }: { expression: string; document: Json },
    signal: AbortSignal,
  ): Promise<Json> {
    const { TRANSFORM_TIMEOUT_MS: timeoutMs, OUTPUT_MAX_BYTES: maxBytes } = this.settings;
    signal.throwIfAborted();
    const work = { expression, document: JSON.stringify(document), maxBytes };
    const answer = await process
      .run({ kind: 'evaluate', projectId, ...work }, timeoutMs, signal)
      .catch((error: unknown) => {
        throw new NodeError('transform_failed', `The expression ${this.exceeded(error)}.`);
      });
    if (answer.json === undefined)
      throw new NodeError('transform_failed', `The expression failed: ${answer.error?.replace(/\.$/, '')}.`);
    checkShape(Buffer.from(answer.json), this.settings);
    return JSON.parse(answer.json) as Json;
  }

  private async test(
    process: TransformProcess,
    projectId: string,
    { conditions, document }: { conditions: readonly string[]; document: string },
    signal: AbortSignal,
  ): Promise<ConditionResult[]> {
    const results: ConditionResult[] = [];
    const add = ({ outcome = '' }: { outcome?: string }) => void results.push(toResult(outcome));
    try {
      const job = { kind: 'test', projectId, expressions: conditions, document } as const;
      const options = { restartAt: new Set(conditions.keys()), onProgress: add };
      add(await process.run(job, this.settings.TRANSFORM_TIMEOUT_MS, signal, options));
    } catch (error) {
      results.push({ error: this.exceeded(error) });
    }
    return results;
  }

  /**
   * Names the limit that an expression exceeded, and its setting.
   * @throws the error, if it has another cause
   */
  private exceeded(error: unknown): string {
    if (!(error instanceof TransformStoppedError)) throw error;
    const { TRANSFORM_TIMEOUT_MS: timeoutMs, TRANSFORM_MEMORY_MB: memoryMB } = this.settings;
    return error.exceeded === 'time'
      ? `took longer than ${timeoutMs} ms (TRANSFORM_TIMEOUT_MS). Simplify it, or give it less data`
      : `ended its process, probably because it needed more than ${memoryMB} MB (TRANSFORM_MEMORY_MB). Simplify it, or give it less data`;
  }
}

function toResult(outcome: string): ConditionResult {
  if (outcome === '=true' || outcome === '=false') return { value: outcome === '=true' };
  return { error: outcome.slice(1) || 'failed: unknown error' };
}
