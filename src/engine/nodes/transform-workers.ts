import { Inject, Injectable, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import type { Json } from '@cloutagent/contract';
import { Settings } from '../../config/settings.js';
import { type ConfigCheck, NodeError } from '../extension/node-handler.js';
import { checkShape, type ShapeLimits } from '../extension/output-shape.js';
import { ExpressionChecks, type ExpressionProblem } from './expression-checks.js';
import { FairSemaphore } from './fair-semaphore.js';
import { TransformPool } from './transform-pool.js';
import { type TransformProcess, TransformStoppedError } from './transform-process.js';

/** A process that evaluates expressions for a project. */
export interface TransformWorker {
  /**
   * Evaluates an expression.
   * @param document the data that the expression is evaluated on
   * @throws NodeError `transform_failed`; the signal's reason
   */
  evaluate(expression: string, document: Json): Promise<Json>;
  /** Gives the process and its slot back. Call it once. */
  release(): void;
}

/**
 * Parses and evaluates JSONata in separate processes. An expression can take seconds to parse, loop, recurse, backtrack in a
 * regular expression, or fill the memory. In the server's own event loop nothing could stop it, and in a worker thread one
 * allocation that is too large would end the whole server. A process can be killed.
 */
@Injectable()
export class TransformWorkers implements OnModuleInit, OnApplicationShutdown {
  private readonly pool: TransformPool;
  private readonly slots: FairSemaphore;
  private readonly checks: ExpressionChecks;

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
    this.checks = new ExpressionChecks(this.pool, settings.MAX_CHECK_PROCESSES, settings.CHECK_TIMEOUT_MS);
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
   * Parses one of the expressions of a posted workflow.
   * @throws ProblemError 503 `no_worker_free` if no process is free within CHECK_TIMEOUT_MS
   */
  check(expression: string, check: Pick<ConfigCheck, 'projectId' | 'request'>): Promise<ExpressionProblem> {
    return this.checks.check(expression, check);
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
    const {
      TRANSFORM_TIMEOUT_MS: timeoutMs,
      TRANSFORM_MEMORY_MB: memoryMB,
      OUTPUT_MAX_BYTES: maxBytes,
    } = this.settings;
    signal.throwIfAborted();
    const work = { expression, document: JSON.stringify(document), maxBytes };
    const answer = await process
      .run({ kind: 'evaluate', projectId, ...work }, timeoutMs, signal)
      .catch((error: unknown) => {
        if (!(error instanceof TransformStoppedError)) throw error;
        throw new NodeError(
          'transform_failed',
          error.exceeded === 'time'
            ? `The expression took longer than ${timeoutMs} ms (TRANSFORM_TIMEOUT_MS). Simplify it, or give it less data.`
            : `The expression ended its process, probably because it needed more than ${memoryMB} MB (TRANSFORM_MEMORY_MB). Simplify it, or give it less data.`,
        );
      });
    if (answer.json === undefined)
      throw new NodeError('transform_failed', `The expression failed: ${answer.error}.`);
    checkShape(Buffer.from(answer.json), this.settings);
    return JSON.parse(answer.json) as Json;
  }
}
