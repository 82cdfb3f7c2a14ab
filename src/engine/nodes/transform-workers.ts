import { Inject, Injectable, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import type { Json } from '@cloutagent/contract';
import { Settings } from '../../config/settings.js';
import { type ConfigCheck, NodeError } from '../extension/node-handler.js';
import { ExpressionChecks, type ExpressionProblem } from './expression-checks.js';
import { checkShape, type ShapeLimits } from '../extension/output-shape.js';
import { ProjectTurns } from './project-turns.js';
import { TransformPool } from './transform-pool.js';
import { type TransformProcess, TransformStoppedError } from './transform-process.js';

/** A process that evaluates for a project, and the project's turn. */
export interface TransformWorker {
  /**
   * @param document what the expression is evaluated on
   * @throws NodeError `transform_failed`; the reason of the signal
   */
  evaluate(expression: string, document: Json): Promise<Json>;
  /** Gives both back, once. */
  release(): void;
}

/**
 * Parses and evaluates JSONata in processes apart. An expression can take seconds to parse, loop, recurse, backtrack in a
 * regular expression or fill the memory, and nothing in its own event loop can stop it then; one too large allocation in
 * a worker thread even ends the whole server. A process can be killed.
 */
@Injectable()
export class TransformWorkers implements OnModuleInit, OnApplicationShutdown {
  private readonly pool: TransformPool;
  private readonly turns: ProjectTurns;
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
    this.turns = new ProjectTurns(settings.MAX_TRANSFORM_PROCESSES);
    // With turns of their own: a project whose expressions take long can still post workflows.
    this.checks = new ExpressionChecks(this.pool, settings.MAX_CHECK_PROCESSES, settings.CHECK_TIMEOUT_MS);
  }

  /** No workflow should be refused because the first check waits for a process to start. */
  onModuleInit(): void {
    this.pool.warm();
  }

  /** Not sooner: what is under way when the server is told to stop is handed back first, and must not fail for it. */
  onApplicationShutdown(): void {
    this.pool.killAll();
  }

  /**
   * Parses one of the expressions of a posted workflow.
   * @throws ProblemError 503 when no process is free within CHECK_TIMEOUT_MS
   */
  check(expression: string, check: ConfigCheck): Promise<ExpressionProblem> {
    return this.checks.check(expression, check);
  }

  /**
   * Waits for the project's turn and for a process.
   * @throws NodeError `transform_failed` when no process can be started; the signal's reason when it aborts first
   */
  async acquire(projectId: string, signal: AbortSignal): Promise<TransformWorker> {
    const release = await this.turns.acquire(projectId, signal);
    const process = await this.pool.take(projectId);
    if (!process) {
      release();
      throw new NodeError('transform_failed', 'No process to evaluate the expression in could be started.');
    }
    return {
      evaluate: (expression, document) => this.evaluate(process, projectId, { expression, document }, signal),
      release: () => {
        this.pool.rest(process);
        release();
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
      TRANSFORM_TIMEOUT_MS: mostMs,
      TRANSFORM_MEMORY_MB: mostMB,
      OUTPUT_MAX_BYTES: mostBytes,
    } = this.settings;
    signal.throwIfAborted();
    const work = { expression, document: JSON.stringify(document), mostBytes };
    const answer = await process
      .ask({ kind: 'evaluate', projectId, ...work }, mostMs, signal)
      .catch((reason: unknown) => {
        if (!(reason instanceof TransformStoppedError)) throw reason;
        throw new NodeError(
          'transform_failed',
          reason.why === 'time'
            ? `The expression took longer than ${mostMs} ms (TRANSFORM_TIMEOUT_MS).`
            : `The expression brought its process down; mostly that means more than ${mostMB} MB (TRANSFORM_MEMORY_MB).`,
        );
      });
    if (answer.json === undefined)
      throw new NodeError('transform_failed', `The expression failed: ${answer.error}.`);
    checkShape(Buffer.from(answer.json), this.settings);
    return JSON.parse(answer.json) as Json;
  }
}
