import type { Problem } from '@cloutagent/contract';
import { ProtocolError } from '@modelcontextprotocol/server';
import { ProblemError } from '../../problems/problem.error.js';
import { itemProblem } from '../../problems/problem-body.js';

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
export const rpcError = ({ code, status, detail, errors }: Problem): RpcError => ({
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

/** Turns a ProblemError into the error that the SDK sends. Other errors stay as they are. */
export function toProtocolError(error: unknown): unknown {
  if (!(error instanceof ProblemError)) return error;
  const { code, message, data } = rpcError(itemProblem(error));
  return new ProtocolError(code, message, data);
}
