import type { Json } from '@cloutagent/contract';
import { withLowerCaseNames } from '../http/header-names.js';
import { type HttpResponse, parseBody } from '../http/http-response.js';
import { statusFailure } from '../http/http-failure.js';
import type { RestrictedHttpClient } from '../http/restricted-http-client.js';
import type { HttpTool } from './model-config.js';

/**
 * Carries out a call of an HTTP tool. It sends the arguments in the query of a GET, or in the JSON body of any other method.
 */
export async function callHttpTool(
  { http: target }: HttpTool,
  args: unknown,
  http: RestrictedHttpClient,
  signal: AbortSignal,
): Promise<Json> {
  const given = typeof args === 'object' && args !== null ? args : {};
  const { method, headers = {} } = target;
  let response: HttpResponse;
  if (method === 'GET') {
    response = await http.request({ method, url: withQuery(target.url, given), headers, signal });
  } else {
    response = await http.request({
      method,
      url: target.url,
      headers: { 'content-type': 'application/json', ...withLowerCaseNames(headers) },
      body: JSON.stringify(given),
      signal,
    });
  }
  if (response.status >= 200 && response.status < 300) return parseBody(response, http.limits);
  throw statusFailure(new URL(target.url).host, response);
}

function withQuery(text: string, args: object): string {
  if (!URL.canParse(text)) return text; // RestrictedHttpClient reports the problem.
  const url = new URL(text);
  for (const [name, value] of Object.entries(args) as [string, Json][]) {
    url.searchParams.set(name, typeof value === 'string' ? value : JSON.stringify(value));
  }
  return url.href;
}
