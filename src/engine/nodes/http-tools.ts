import type { Json } from '@cloutagent/contract';
import { dynamicTool, jsonSchema, type ToolSet } from 'ai';
import { type HttpAnswer, parsedBody } from '../http/http-answer.js';
import { statusFailure } from '../http/http-failure.js';
import type { RestrictedHttpClient } from '../http/restricted-http-client.js';
import type { HttpTool } from './model-config.js';

/**
 * The tools of an agent as the AI SDK runs them.
 * @param ready waits until the call with this id may be carried out
 * @param whileRunning wraps the request, to know that one is under way
 */
export function httpTools(
  tools: readonly HttpTool[],
  http: RestrictedHttpClient,
  signal: AbortSignal,
  ready: (toolCallId: string) => Promise<void>,
  whileRunning: <T>(work: () => Promise<T>) => Promise<T>,
): ToolSet {
  const entries = tools.map((tool) => {
    const sdkTool = dynamicTool({
      description: tool.description,
      // Only shown to the model. Checking would mean to run a caller's regular expressions in our event loop.
      inputSchema: jsonSchema(tool.inputSchema),
      execute: async (args, { toolCallId }) => {
        await ready(toolCallId);
        return whileRunning(() => call(tool, args, http, signal));
      },
    });
    return [tool.name, sdkTool] as const;
  });
  return Object.fromEntries(entries);
}

/** Arguments go into the query of a GET and into the JSON body of anything else. */
async function call(
  { http: target }: HttpTool,
  args: unknown,
  http: RestrictedHttpClient,
  signal: AbortSignal,
): Promise<Json> {
  const given = typeof args === 'object' && args !== null ? args : {};
  const { method, headers = {} } = target;
  let answer: HttpAnswer;
  if (method === 'GET') {
    answer = await http.request({ method, url: withQuery(target.url, given), headers, signal });
  } else {
    const json = { 'content-type': 'application/json', ...lowered(headers) };
    answer = await http.request({
      method,
      url: target.url,
      headers: json,
      body: JSON.stringify(given),
      signal,
    });
  }
  if (answer.status >= 200 && answer.status < 300) return parsedBody(answer, http.limits);
  throw statusFailure(new URL(target.url).host, answer);
}

function withQuery(text: string, args: object): string {
  if (!URL.canParse(text)) return text; // SafeHttp says what is wrong with it.
  const url = new URL(text);
  for (const [name, value] of Object.entries(args) as [string, Json][]) {
    url.searchParams.set(name, typeof value === 'string' ? value : JSON.stringify(value));
  }
  return url.href;
}

const lowered = (headers: Readonly<Record<string, string>>): Record<string, string> =>
  Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
