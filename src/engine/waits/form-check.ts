import { Injectable } from '@nestjs/common';
import type { Json } from '@cloutagent/contract';
import type { PathError } from '../../problems/problem.error.js';
import { JsonSchemas } from '../nodes/json-schemas.js';

const NEVER = new AbortController().signal;

/** Checks values against the JSON Schemas of waits. */
@Injectable()
export class FormCheck {
  constructor(private readonly schemas: JsonSchemas) {}

  /**
   * Checks a value in the processes that check expressions, because a schema may have a pattern that never ends.
   * @param at the path of the value in the request
   * @returns the paths to correct; empty if the value fits
   * @throws ProblemError 503 `no_worker_free` if no process is free within CHECK_TIMEOUT_MS
   */
  errors(projectId: string, schema: Record<string, unknown>, value: Json, at: string): Promise<PathError[]> {
    return this.schemas.validate(projectId, schema, value, NEVER, at);
  }
}
