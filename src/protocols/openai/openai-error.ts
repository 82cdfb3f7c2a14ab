import { type Problem, PROBLEM_CODES, type ProblemCode } from '@cloutagent/contract';
import { z } from 'zod';
import { detailWithPaths } from '../../problems/problem-body.js';
import type { ProblemAnswer } from '../../problems/problem-forms.js';

/** An error in the form of OpenAI. */
const OpenAiError = z
  .object({
    error: z.object({
      message: z.string(),
      type: z.string(),
      param: z.string().nullable().meta({ description: 'The path that is wrong.' }),
      code: z.string().meta({ description: 'The code of the problem, as everywhere in this API.' }),
    }),
  })
  .meta({ id: 'OpenAiError' });
type OpenAiError = z.infer<typeof OpenAiError>;

/** Returns an error in the form of OpenAI, with the code of the problem. */
export function openAiError(problem: Problem): ProblemAnswer {
  const { status, code, errors } = problem;
  const body: OpenAiError = {
    error: {
      message: detailWithPaths(problem),
      type: typeOf(status),
      param: errors?.[0]?.path ?? null,
      code,
    },
  };
  return { contentType: 'application/json', body };
}

/** The types that OpenAI gives to errors with these statuses. */
function typeOf(status: number): string {
  if (status === 401) return 'authentication_error';
  if (status === 403) return 'permission_error';
  if (status === 429) return 'rate_limit_error';
  return status >= 500 ? 'server_error' : 'invalid_request_error';
}

/** Describes the errors of this protocol in the OpenAPI document. */
export const OPENAI_ERROR = {
  contentType: 'application/json',
  schema: OpenAiError,
  example: (code: ProblemCode): object => {
    const { status, text } = PROBLEM_CODES[code];
    return openAiError({ type: 'about:blank', title: '', status, detail: text, code }).body;
  },
};
