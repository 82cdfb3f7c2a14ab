import { Injectable } from '@nestjs/common';
import type { Json } from '@cloutagent/contract';
import type { PathError } from '../../problems/problem.error.js';

/** Checks values against the JSON Schemas of waits. */
@Injectable()
export class FormCheck {
  /**
   * Checks a value in the processes that evaluate expressions, because a schema may have a pattern that never ends.
   * @param at the path of the value in the request
   * @returns the paths to correct; empty if the value fits
   */
  errors(
    _projectId: string,
    _schema: Record<string, unknown>,
    _value: Json,
    _at: string,
  ): Promise<PathError[]> {
    throw new Error('not written yet');
  }
}
