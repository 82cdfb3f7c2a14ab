import { Injectable } from '@nestjs/common';
import type { Problem } from '@cloutagent/contract';
import type { Request } from 'express';

/** How a protocol answers an error. */
export interface ProblemAnswer {
  /** Without a charset. */
  readonly contentType: string;
  readonly body: object;
  /** Replaces the status of the problem. */
  readonly status?: number | undefined;
}

/** What a problem describes. */
interface ProblemSource {
  readonly error: unknown;
  readonly request: Request;
}

export type ProblemForm = (problem: Problem, source: ProblemSource) => ProblemAnswer;

/** The forms in which protocols answer errors instead of RFC 9457 problems, by the beginnings of their paths. */
@Injectable()
export class ProblemForms {
  private readonly forms: { readonly prefix: string; readonly form: ProblemForm }[] = [];

  /**
   * Adds a form. Call it from `onModuleInit`.
   * @param prefix of paths, such as `/v1/`; a path that equals it without the slash at its end has the form too
   */
  add(prefix: string, form: ProblemForm): void {
    this.forms.push({ prefix, form });
  }

  /** Returns the form of a path; undefined if its errors are RFC 9457 problems. */
  of(path: string): ProblemForm | undefined {
    return this.forms.find(({ prefix }) => `${path}/`.startsWith(prefix))?.form;
  }
}
