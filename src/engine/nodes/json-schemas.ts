import { Inject, Injectable } from '@nestjs/common';
import type { Json } from '@cloutagent/contract';
import { Settings } from '../../config/settings.js';
import { type ConfigCheck, type ConfigProblem, NodeError } from '../extension/node-handler.js';
import type { SchemaProblem } from './json-schema.realm.js';
import { schemaMessage } from './schema-messages.js';
import { TransformStoppedError } from './transform-process.js';
import { TransformWorkers } from './transform-workers.js';

/** A problem of a value, with its path such as `values.amount`. */
interface PathProblem {
  path: string;
  message: string;
}

/**
 * Validates values by JSON Schema of callers: drafts 2020-12 (the default), 2019-09 and 07, named by `$schema`. This happens
 * in the processes that check expressions, because a regular expression in a schema can run for years. A schema is complete
 * by itself: a `$ref` to another document is a problem, and nothing is loaded. The `format`s that @cfworker/json-schema knows
 * are checked, such as `email`, `date-time` and `uri`; others are ignored.
 */
@Injectable()
export class JsonSchemas {
  constructor(
    private readonly workers: TransformWorkers,
    @Inject(Settings)
    private readonly settings: Pick<
      Settings,
      'SCHEMA_MAX_BYTES' | 'OUTPUT_MAX_BYTES' | 'CHECK_TIMEOUT_MS' | 'TRANSFORM_MEMORY_MB'
    >,
  ) {}

  /**
   * Checks a schema of a posted workflow, together with the other texts of the same request. A schema with placeholders is
   * known only when its node runs, so it has no problems here.
   * @param placeholders whether the schema may have placeholders. Braces are text in a schema that is no part of a config.
   * @returns the problems; the paths are inside the schema. An empty list if it is a valid JSON Schema.
   * @throws ProblemError 503 `no_worker_free` if no process is free within CHECK_TIMEOUT_MS
   */
  async check(
    schema: unknown,
    check: Pick<ConfigCheck, 'projectId' | 'request'>,
    { placeholders = true } = {},
  ): Promise<ConfigProblem[]> {
    const text = this.toText(schema, 'SCHEMA_MAX_BYTES');
    if (typeof text !== 'string') return [{ path: [], ...text }];
    if (placeholders && text.includes('{{')) return [];
    return this.workers.check({ kind: 'schema', text }, check);
  }

  /**
   * Finds why a value does not fit a schema.
   * @param root the path of the value, for example `values`
   * @returns the problems, at most 50, with paths such as `values.amount`; an empty list if the value fits. A schema that cannot
   *   be used, or that needs more than CHECK_TIMEOUT_MS, is a problem of the whole value.
   * @throws ProblemError 503 `no_worker_free` if no process is free within CHECK_TIMEOUT_MS; the signal's reason
   * @example
   * ```ts
   * const errors = await schemas.validate(projectId, wait.schema, body.values, signal, 'values');
   * if (errors.length > 0) throw new ProblemError('validation_failed', undefined, { errors });
   * ```
   */
  async validate(
    projectId: string,
    schema: unknown,
    value: Json,
    signal: AbortSignal,
    root = '',
  ): Promise<PathProblem[]> {
    const [schemaText, valueText] = [
      this.toText(schema, 'SCHEMA_MAX_BYTES'),
      this.toText(value, 'OUTPUT_MAX_BYTES'),
    ];
    if (typeof schemaText !== 'string')
      return [{ path: root, message: `has a schema that ${schemaText.message}` }];
    if (typeof valueText !== 'string') return [{ path: root, ...valueText }];
    try {
      const job = { kind: 'validate', projectId, schema: schemaText, value: valueText } as const;
      const { json = '[]' } = await this.workers.runForRequest(job, signal);
      return described(JSON.parse(json) as SchemaProblem[], root);
    } catch (error) {
      if (!(error instanceof TransformStoppedError)) throw error;
      return [{ path: root, message: this.exceeded(error) }];
    }
  }

  /**
   * Finds why the output of a node does not fit a schema, as `validate` does. It waits for a process as an expression of a node
   * does, so that it takes none from requests.
   * @throws NodeError `output_invalid` if the schema cannot be used, or needs more than CHECK_TIMEOUT_MS for this value;
   *   `transform_failed` if no process can be started; the signal's reason
   */
  async validateOutput(
    projectId: string,
    schema: unknown,
    value: Json,
    signal: AbortSignal,
  ): Promise<PathProblem[]> {
    const found = await this.findMisfit(projectId, { schema, values: [value], role: 'output' }, signal);
    return found?.problems ?? [];
  }

  /**
   * Finds the first of the inputs of child executions that does not fit a schema.
   * @returns its index and why; undefined if all fit
   * @throws NodeError `input_invalid`, as `validateOutput` throws `output_invalid`; `transform_failed`; the signal's reason
   */
  async findWrongInput(
    projectId: string,
    schema: unknown,
    inputs: readonly Json[],
    signal: AbortSignal,
  ): Promise<{ index: number; problems: PathProblem[] } | undefined> {
    // Other nodes get the process in between.
    for (let first = 0; first < inputs.length; first += INPUTS_PER_TURN) {
      const values = inputs.slice(first, first + INPUTS_PER_TURN);
      const found = await this.findMisfit(projectId, { schema, values, role: 'input' }, signal);
      if (found) return { ...found, index: first + found.index };
    }
    return undefined;
  }

  /** Finds the first value that does not fit the schema. */
  private async findMisfit(
    projectId: string,
    { schema, values, role }: { schema: unknown; values: readonly Json[]; role: 'input' | 'output' },
    signal: AbortSignal,
  ): Promise<{ index: number; problems: PathProblem[] } | undefined> {
    const schemaText = this.toText(schema, 'SCHEMA_MAX_BYTES');
    if (typeof schemaText !== 'string') throw unusable(role, schemaText.message);
    const worker = await this.workers.acquire(projectId, signal);
    try {
      for (const [index, value] of values.entries()) {
        const valueText = this.toText(value, 'OUTPUT_MAX_BYTES');
        if (typeof valueText !== 'string') return { index, problems: [{ path: '', ...valueText }] };
        const problems = JSON.parse(await worker.validate(schemaText, valueText)) as SchemaProblem[];
        const whole = problems.find(({ keyword }) => UNUSABLE.has(keyword));
        if (whole) throw unusable(role, schemaMessage(whole));
        if (problems.length > 0) return { index, problems: described(problems, '') };
      }
      return undefined;
    } catch (error) {
      if (!(error instanceof TransformStoppedError)) throw error;
      throw new NodeError(`${role}_invalid`, `The ${role} ${this.exceeded(error)}.`);
    } finally {
      worker.release();
    }
  }

  private toText(
    value: unknown,
    limit: 'SCHEMA_MAX_BYTES' | 'OUTPUT_MAX_BYTES',
  ): string | { message: string } {
    let text: string | undefined;
    try {
      text = JSON.stringify(value);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      return { message: 'is nested too deep' };
    }
    if (text === undefined) return { message: 'must be JSON' };
    const maxBytes = this.settings[limit];
    return Buffer.byteLength(text) > maxBytes
      ? { message: `is longer than ${maxBytes} bytes (${limit})` }
      : text;
  }

  private exceeded({ exceeded }: TransformStoppedError): string {
    const { CHECK_TIMEOUT_MS: timeoutMs, TRANSFORM_MEMORY_MB: memoryMB } = this.settings;
    return exceeded === 'time'
      ? `cannot be validated: the schema needs more than ${timeoutMs} ms for this value (CHECK_TIMEOUT_MS). Simplify its regular expressions, or send a shorter value`
      : `cannot be validated: the schema ended its process, probably because it needed more than ${memoryMB} MB (TRANSFORM_MEMORY_MB). Simplify it, or send a shorter value`;
  }
}

/** Keywords of problems that the schema itself has. */
const UNUSABLE = new Set(['deep', 'other']);

/** Inputs that are validated before other nodes get the process. */
const INPUTS_PER_TURN = 100;

const unusable = (role: 'input' | 'output', problem: string): NodeError =>
  new NodeError(`${role}_invalid`, `The ${role} cannot be validated: its schema ${problem}.`);

const described = (problems: readonly SchemaProblem[], root: string): PathProblem[] =>
  problems.map((problem) => ({
    path: [...(root ? [root] : []), ...problem.path].join('.'),
    message: schemaMessage(problem),
  }));
