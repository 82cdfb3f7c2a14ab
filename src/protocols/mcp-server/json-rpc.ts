import type { Problem } from '@cloutagent/contract';
import { ProtocolError } from '@modelcontextprotocol/server';
import type { Logger } from '../../logging/logger.js';
import { isDatabaseOutage, isWriteRefusal } from '../../problems/database-outage.js';
import { itemProblem } from '../../problems/problem-body.js';
import { DatabaseUnavailableError, ProblemError } from '../../problems/problem.error.js';

export type RequestId = string | number;

export interface RpcError {
  code: number;
  message: string;
  data: { code: string; status: number; errors?: Problem['errors'] };
}

const PARSE_ERROR = -32_700;
const INVALID_PARAMS = -32_602;
const INTERNAL_ERROR = -32_603;
/** The first code that JSON-RPC leaves to servers. */
const SERVER_ERROR = -32_000;

/** Makes the error of JSON-RPC for a problem: `data.code` is the code of the API. */
const rpcError = ({ code, status, detail, errors }: Problem): RpcError => ({
  code: rpcCode(code, status),
  message: detail,
  data: { code, status, ...(errors && { errors }) },
});

function rpcCode(code: string, status: number): number {
  if (code === 'malformed_json' || code === 'malformed_body') return PARSE_ERROR;
  if (status === 400 || status === 404) return INVALID_PARAMS;
  return status >= 500 ? INTERNAL_ERROR : SERVER_ERROR;
}

/** The error body of a request that has no id or whose id is not known. */
export const errorBody = (problem: Problem, id: RequestId | null = null) => ({
  jsonrpc: '2.0',
  id,
  error: rpcError(problem),
});

/** Turns an error into a problem. An unknown one is logged and described by a generic sentence. */
export function toProblem(error: unknown, logger: Logger): Problem {
  if (error instanceof ProblemError) return itemProblem(error);
  logger.error('a request to the MCP server failed', error);
  return itemProblem(
    isDatabaseOutage(error)
      ? new DatabaseUnavailableError(isWriteRefusal(error))
      : new ProblemError('internal_error'),
  );
}

/** Turns an error into the one that the SDK sends. */
export function toProtocolError(error: unknown, logger: Logger): ProtocolError {
  if (error instanceof ProtocolError) return error;
  const { code, message, data } = rpcError(toProblem(error, logger));
  return new ProtocolError(code, message, data);
}
