import type { Json } from '@cloutagent/contract';
import { dynamicTool, jsonSchema, type ToolSet } from 'ai';
import { withLowerCaseNames } from '../http/header-names.js';
import { type HttpResponse, parseBody } from '../http/http-response.js';
import { statusFailure } from '../http/http-failure.js';
import type { RestrictedHttpClient } from '../http/restricted-http-client.js';
import type { HttpTool } from './model-config.js';

export interface HttpToolsOptions {
  readonly http: RestrictedHttpClient;
  readonly signal: AbortSignal;
  /** Resolves when the call with this id may be carried out. */
  readonly waitUntilAllowed: (toolCallId: string) => Promise<void>;
  /** Wraps each request, so that the caller knows while one is in progress. */
  readonly whileRunning: <T>(work: () => Promise<T>) => Promise<T>;
}

/** Makes the tools of an agent in the form that the AI SDK runs. */
export function httpTools(tools: readonly HttpTool[], options: HttpToolsOptions): ToolSet {
  const entries = tools.map((tool) => {
    const sdkTool = dynamicTool({
      description: tool.description,
      // The schema is only sent to the model. Checking arguments would run a caller's regular expressions in our event loop.
      inputSchema: jsonSchema(tool.inputSchema),
      execute: async (args, { toolCallId }) => {
        await options.waitUntilAllowed(toolCallId);
        return options.whileRunning(() => call(tool, args, options));
      },
    });
    return [tool.name, sdkTool] as const;
  });
  return Object.fromEntries(entries);
}

/** Sends the arguments in the query of a GET, or in the JSON body of any other method. */
async function call(
  { http: target }: HttpTool,
  args: unknown,
  { http, signal }: HttpToolsOptions,
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
