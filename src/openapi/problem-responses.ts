import { type Problem, PROBLEM_CODES, type ProblemCode } from '@cloutagent/contract';
import { STATUS_CODES } from 'node:http';
import { headerReferences, headersOfEvery, type ResponseHeader } from './headers.js';
import type { ResponseObject } from './operation.js';
import { OF_NO_OPERATION } from './problem-codes.js';

/** Headers that responses with these statuses have in addition. */
const HEADERS: Partial<Record<number, readonly ResponseHeader[]>> = {
  401: ['WWW-Authenticate'],
  405: ['Allow'],
  429: ['Retry-After'],
  503: ['Retry-After'],
};

/** The content of an error response with some codes. */
export type ProblemContent = (codes: readonly ProblemCode[]) => NonNullable<ResponseObject['content']>;

/**
 * Returns a response for each status that the codes have.
 * @param content of errors that are no problems
 */
export function problemResponses(
  codes: readonly ProblemCode[],
  isThrottled: boolean,
  content: ProblemContent = asProblem,
): Record<string, ResponseObject> {
  const byStatus = Map.groupBy([...new Set(codes)].toSorted(), (code) => PROBLEM_CODES[code].status);
  return {
    ...Object.fromEntries(
      [...byStatus].map(([status, ofStatus]) => [
        String(status),
        problemResponse(
          // The text of a code is a sentence for programmers, and with several the examples have them.
          ofStatus.length === 1 ? PROBLEM_CODES[ofStatus[0]!].text : (STATUS_CODES[status] ?? ''),
          [...headersOfEvery(isThrottled), ...(HEADERS[status] ?? [])],
          content(ofStatus),
        ),
      ]),
    ),
    default: content === asProblem ? OTHER_PROBLEM : otherError(content),
  };
}

/** The problems that are not specific to an operation. */
const OTHER_PROBLEM: ResponseObject = problemResponse(
  'Any other problem, such as one of a request that the HTTP parser refuses.',
  ['X-Request-Id', 'Retry-After'],
  asProblem(OF_NO_OPERATION),
);

/** The same for a route whose errors have the form of a protocol. A request that the HTTP parser refuses gets a problem. */
const otherError = (content: ProblemContent): ResponseObject => ({
  ...OTHER_PROBLEM,
  content: { ...OTHER_PROBLEM.content, ...content(OF_NO_OPERATION) },
});

function problemResponse(
  description: string,
  headers: readonly ResponseHeader[],
  content: NonNullable<ResponseObject['content']>,
): ResponseObject {
  return { description, headers: headerReferences(headers), content };
}

function asProblem(codes: readonly ProblemCode[]): NonNullable<ResponseObject['content']> {
  return {
    'application/problem+json': {
      schema: { $ref: '#/components/schemas/Problem' },
      examples: Object.fromEntries(codes.map((code) => [code, { $ref: `#/components/examples/${code}` }])),
    },
  };
}

/** An example of a problem for each code. The document has them in `components.examples`. */
export const problemExamples = (): Record<string, { summary: string; value: Problem }> =>
  Object.fromEntries(
    Object.entries(PROBLEM_CODES).map(([code, { status, text }]) => [
      code,
      {
        summary: text,
        value: {
          type: 'about:blank',
          title: STATUS_CODES[status] ?? '',
          status,
          detail: text,
          code,
          instance: '/api/executions',
          requestId: '0c1de5d8-5a43-4c2e-9b0f-7d2b1f6a9e31',
          ...(code === 'validation_failed' && {
            errors: [
              {
                path: 'workflow.edges',
                message: 'a workflow must not contain a cycle; this one has a -> b -> a',
              },
            ],
          }),
        },
      },
    ]),
  );
