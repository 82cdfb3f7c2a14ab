import { Inject, Injectable } from '@nestjs/common';
import type { Json } from '@cloutagent/contract';
import { Settings } from '../../config/settings.js';
import { TransformStoppedError } from '../../engine/nodes/transform-process.js';
import { TransformWorkers } from '../../engine/nodes/transform-workers.js';
import { jsonBodyProblem } from '../../problems/json-body-problem.js';
import type { PathError, ProblemError } from '../../problems/problem.error.js';

/** A request could not be turned into an input. The message says why. */
export class MapFailedError extends Error {
  override readonly name = 'MapFailedError';
}

/** Turns webhooks into inputs by JSONata, in the processes that check expressions. */
@Injectable()
export class InputMapper {
  constructor(
    private readonly workers: TransformWorkers,
    @Inject(Settings)
    private readonly settings: Pick<
      Settings,
      'BODY_MAX_BYTES' | 'MAX_JSON_DEPTH' | 'MAX_JSON_PARTS' | 'CHECK_TIMEOUT_MS' | 'TRANSFORM_MEMORY_MB'
    >,
  ) {}

  /**
   * Parses an expression.
   * @returns the problems, with the path `map`
   * @throws ProblemError 503 `no_worker_free`
   */
  async check(projectId: string, map: string): Promise<PathError[]> {
    const problems = await this.workers.check({ kind: 'expression', text: map }, { projectId, request: {} });
    return problems.map(({ message }) => ({ path: 'map', message }));
  }

  /**
   * Evaluates an expression on a request.
   * @returns the result; null if there is none
   * @throws MapFailedError, ProblemError 503 `no_worker_free`
   */
  async map(projectId: string, expression: string, document: Json): Promise<Json> {
    const {
      BODY_MAX_BYTES: maxBytes,
      CHECK_TIMEOUT_MS: timeoutMs,
      TRANSFORM_MEMORY_MB: memoryMB,
    } = this.settings;
    const job = {
      kind: 'evaluate',
      projectId,
      expression,
      document: JSON.stringify(document),
      maxBytes,
    } as const;
    try {
      const { json, error } = await this.workers.runForRequest(job, new AbortController().signal);
      if (json === undefined) throw new MapFailedError(`map failed: ${error ?? 'unknown error'}`);
      const problem = jsonBodyProblem(Buffer.from(json), 'utf-8', this.settings);
      if (problem) throw new MapFailedError(`map gave an input that cannot be used: ${reasonOf(problem)}`);
      return JSON.parse(json) as Json;
    } catch (error) {
      if (!(error instanceof TransformStoppedError)) throw error;
      throw new MapFailedError(
        error.exceeded === 'time'
          ? `map took longer than ${timeoutMs} ms (CHECK_TIMEOUT_MS). Simplify it`
          : `map needed more than ${memoryMB} MB (TRANSFORM_MEMORY_MB). Simplify it`,
      );
    }
  }
}

const reasonOf = ({ message, extra }: ProblemError): string => extra.errors?.[0]?.message ?? message;
