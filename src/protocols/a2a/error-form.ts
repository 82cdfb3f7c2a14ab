import type { ProblemForm } from '../../problems/problem-forms.js';
import { describe, rpcErrorOf, statusOf } from './a2a-errors.js';

/** The path of the JSON-RPC binding. All other paths of an agent are of the HTTP+JSON binding. */
const RPC_PATH = /^\/api\/a2a\/[^/]+\/[^/]+\/?$/i;

/** Answers errors as the binding of the path does. A JSON-RPC error has the id of its request, if that was readable. */
export const a2aForm: ProblemForm = (problem, { error, request }) => {
  const described = describe(problem, error);
  if (!RPC_PATH.test(request.path))
    return {
      contentType: 'application/a2a+json',
      status: described.httpStatus,
      body: { error: statusOf(described) },
    };
  const { id } = (request.body ?? {}) as { id?: unknown };
  const isId = typeof id === 'number' || (typeof id === 'string' && id.length <= 200);
  return {
    contentType: 'application/json',
    status: described.httpStatus,
    body: { jsonrpc: '2.0', id: isId ? id : null, error: rpcErrorOf(described) },
  };
};
