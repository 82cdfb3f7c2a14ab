import { Inject, Injectable } from '@nestjs/common';
import type { Json } from '@cloutagent/contract';
import { dynamicTool, jsonSchema, stepCountIs, streamText, type ToolSet } from 'ai';
import { Settings } from '../../config/settings.js';
import { SafeHttp } from '../http/safe-http.js';
import { NodeError, type NodeRun, TransientError } from '../node-handler.js';
import type { HttpTool, ModelConfig } from '../nodes/model-config.js';
import { toNodeError } from './model-error.js';
import { ModelRegistry } from './model-registry.js';

/** How a stream that broke off is reported: the answer is not complete. */
const UNFINISHED = new Set(['error', 'other', 'interrupted', 'unknown']);
/** A chunk longer than this goes out in pieces. */
const LONGEST_CHUNK = 16_384;

/** Streams one answer of a model, tool rounds included, into a node's run. */
@Injectable()
export class ModelCall {
  constructor(
    private readonly models: ModelRegistry,
    private readonly http: SafeHttp,
    @Inject(Settings) private readonly settings: Pick<Settings, 'MODEL_IDLE_TIMEOUT_MS'>,
  ) {}

  /** @returns the final text */
  async stream(
    run: NodeRun<unknown>,
    call: ModelConfig & { prompt: string; system?: string | undefined },
  ): Promise<string> {
    const idle = new AbortController();
    const result = streamText({
      model: this.models.resolve(call.model),
      prompt: call.prompt,
      ...(call.system !== undefined && { instructions: call.system }),
      ...(call.temperature !== undefined && { temperature: call.temperature }),
      ...(call.maxOutputTokens !== undefined && { maxOutputTokens: call.maxOutputTokens }),
      ...(call.providerOptions !== undefined && { providerOptions: call.providerOptions as never }),
      tools: this.tools(call.tools ?? [], run.signal),
      stopWhen: stepCountIs(call.maxToolRounds),
      // Retries are the engine's: the watchers hear of them.
      maxRetries: 0,
      abortSignal: AbortSignal.any([run.signal, idle.signal]),
      onError: () => undefined,
    });
    // Its promises reject beside the stream, which is where we look.
    Promise.resolve(result.finishReason).catch(() => undefined);
    Promise.resolve(result.usage).catch(() => undefined);

    const parts = result.fullStream[Symbol.asyncIterator]();
    let text = '';
    let finished: string | undefined;
    try {
      for (;;) {
        const { done, value: part } = await this.next(parts, idle, run.signal);
        if (done) break;
        switch (part.type) {
          case 'start-step':
            text = '';
            break;
          case 'text-delta':
            text += part.text;
            for (const chunk of pieces(part.text)) await run.emit({ type: 'execution:output', chunk });
            break;
          case 'reasoning-delta':
            for (const chunk of pieces(part.text)) await run.emit({ type: 'execution:thinking', chunk });
            break;
          case 'tool-call':
            await run.emit({
              type: 'execution:tool-call',
              toolId: part.toolCallId,
              toolName: part.toolName,
              toolArgs: (part.input ?? null) as Json,
            });
            break;
          case 'tool-result':
            await run.emit({
              type: 'execution:tool-result',
              toolId: part.toolCallId,
              result: (part.output ?? null) as Json,
              isError: false,
            });
            break;
          case 'tool-error':
            await run.emit({
              type: 'execution:tool-result',
              toolId: part.toolCallId,
              result: messageOf(part.error),
              isError: true,
            });
            break;
          case 'finish-step':
            await run.countTokens(call.model, {
              input: part.usage.inputTokens ?? 0,
              output: part.usage.outputTokens ?? 0,
            });
            break;
          case 'finish':
            finished = part.finishReason;
            break;
          case 'error':
            throw part.error;
          default:
            break;
        }
      }
    } catch (error) {
      run.signal.throwIfAborted();
      if (idle.signal.aborted) throw idle.signal.reason;
      throw toNodeError(error);
    } finally {
      idle.abort();
    }
    run.signal.throwIfAborted();
    if (finished === undefined || UNFINISHED.has(finished)) {
      throw new TransientError('model_stream_broken', 'The model stopped before its answer was complete.');
    }
    if (finished === 'content-filter' && text === '')
      throw new NodeError('model_filtered', "The model's provider filtered the answer.");
    return text;
  }

  /** The next part; the time spent waiting for the model, and no other, counts as idle. */
  private async next<T>(
    parts: AsyncIterator<T>,
    idle: AbortController,
    signal: AbortSignal,
  ): Promise<IteratorResult<T, undefined>> {
    const limit = this.settings.MODEL_IDLE_TIMEOUT_MS;
    const stopped = Promise.withResolvers<never>();
    const stop = () => stopped.reject(signal.reason as Error);
    signal.throwIfAborted();
    signal.addEventListener('abort', stop, { once: true });
    const timer = setTimeout(() => {
      const error = new TransientError(
        'model_timeout',
        `The model sent nothing for ${limit} ms (MODEL_IDLE_TIMEOUT_MS).`,
      );
      idle.abort(error);
      stopped.reject(error);
    }, limit);
    try {
      return (await Promise.race([parts.next(), stopped.promise])) as IteratorResult<T, undefined>;
    } finally {
      clearTimeout(timer);
      signal.removeEventListener('abort', stop);
    }
  }

  private tools(tools: readonly HttpTool[], signal: AbortSignal): ToolSet {
    return Object.fromEntries(
      tools.map((tool) => [
        tool.name,
        dynamicTool({
          description: tool.description,
          inputSchema: jsonSchema(tool.inputSchema as never),
          execute: (input) => this.useTool(tool, input as Record<string, Json>, signal),
        }),
      ]),
    );
  }

  private async useTool({ http }: HttpTool, input: Record<string, Json>, signal: AbortSignal): Promise<Json> {
    const { method, headers = {} } = http;
    const query = Object.entries(input).map(([name, value]): [string, string] => [
      name,
      typeof value === 'string' ? value : JSON.stringify(value),
    ]);
    const inQuery = method === 'GET' && query.length > 0;
    const url = inQuery
      ? `${http.url}${http.url.includes('?') ? '&' : '?'}${new URLSearchParams(query).toString()}`
      : http.url;
    const answer = await this.http.send({
      method,
      url,
      headers: method === 'GET' ? headers : { 'content-type': 'application/json', ...headers },
      ...(method !== 'GET' && { body: JSON.stringify(input) }),
      signal,
    });
    if (answer.status >= 400)
      throw new NodeError('http_status', `The tool answered ${answer.status}: ${answer.body.slice(0, 500)}`);
    return parseBody(answer.body);
  }
}

/** JSON if it is some, else the text. */
export function parseBody(body: string): Json {
  try {
    return JSON.parse(body) as Json;
  } catch {
    return body;
  }
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** Cuts long text without parting surrogate pairs; nothing for the empty text. */
export function* pieces(text: string): Generator<string> {
  for (let start = 0; start < text.length;) {
    let end = Math.min(start + LONGEST_CHUNK, text.length);
    const last = text.charCodeAt(end - 1);
    if (end < text.length && last >= 0xd800 && last <= 0xdbff) end -= 1;
    yield text.slice(start, end);
    start = end;
  }
}
