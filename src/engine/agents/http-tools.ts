import type { Json } from '@cloutagent/contract';
import type { NodeRun } from '../extension/node-handler.js';
import { withLowerCaseNames } from '../http/header-names.js';
import { assertHeaders } from '../http/http-config.js';
import { statusFailure } from '../http/http-failure.js';
import { type HttpResponse, parseBody } from '../http/http-response.js';
import type { RestrictedHttpClient } from '../http/restricted-http-client.js';
import type { AgentToolCall } from '../tools/agent-tool.js';
import type { HttpTool } from './tool-config.js';

/** Methods that have no effect (RFC 9110, section 9.2.1), among those that a tool may have. */
export const SAFE_METHODS: ReadonlySet<string> = new Set(['GET']);

/**
 * Carries out a call of an HTTP tool. It sends the arguments in the query of a GET, or in the JSON body of any other method.
 * The request has the header `Idempotency-Key`, unless the tool sets it itself: the endpoint can see by it that a request
 * repeats another one (draft-ietf-httpapi-idempotency-key-header).
 */
export async function callHttpTool(
  { http: target }: HttpTool,
  { args, idempotencyKey, signal }: AgentToolCall,
  { http, run }: { http: RestrictedHttpClient; run: Pick<NodeRun<unknown>, 'reveal' | 'redact'> },
): Promise<Json> {
  const given = typeof args === 'object' && args !== null ? args : {};
  const { method } = target;
  const configured = { url: target.url, headers: target.headers ?? {} };
  const sent = await run.reveal(configured, { url: target.url });
  assertHeaders(sent.headers);
  const { url } = sent;
  const headers = { 'idempotency-key': idempotencyKey, ...withLowerCaseNames(sent.headers) };
  const staysAtOrigin = sent !== configured;
  let response: HttpResponse;
  if (method === 'GET') {
    response = await http.request({ method, url: withQuery(url, given), headers, staysAtOrigin, signal });
  } else {
    response = await http.request({
      method,
      url,
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify(given),
      staysAtOrigin,
      signal,
    });
  }
  if (response.status >= 200 && response.status < 300) return parseBody(response, http.limits);
  throw statusFailure(new URL(url).host, response, (text) => run.redact(text));
}

function withQuery(text: string, args: object): string {
  if (!URL.canParse(text)) return text; // RestrictedHttpClient reports the problem.
  const url = new URL(text);
  for (const [name, value] of Object.entries(args) as [string, Json][]) {
    url.searchParams.set(name, typeof value === 'string' ? value : JSON.stringify(value));
  }
  return url.href;
}
