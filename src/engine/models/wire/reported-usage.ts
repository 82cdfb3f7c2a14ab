import type { ReportedUsage } from '../../extension/model-usage.js';
import { tokenCount } from '../token-count.js';
import type { UsageObserver } from '../usage-observer.js';
import { isObject, type JsonObject, numberOr, objectOr } from './json-object.js';

/** The fields that a report may have. Those that it does not have, or that cannot be numbers of tokens, keep their value. */
type Report = { [Name in keyof ReportedUsage]?: ReportedUsage[Name] };

/** Adds a report of a provider to what it has reported before. Reports are totals of the call, so the last one counts. */
export function report(observer: UsageObserver | undefined, usage: Report): void {
  if (!observer) return;
  const given = Object.entries(usage).filter(([, value]) => value !== undefined);
  if (given.length > 0) observer.reported = { ...observer.reported, ...Object.fromEntries(given) };
}

const count = (value: unknown): number | undefined => tokenCount(numberOr(value));

const cachedTokens = (read: number, written: number): ReportedUsage['cached'] =>
  read + written > 0 ? { read, written } : undefined;

/** Adds those that are known; undefined if none is. */
const sum = (...counts: (number | undefined)[]): number | undefined =>
  counts.every((each) => each === undefined)
    ? undefined
    : counts.reduce<number>((total, each) => total + (each ?? 0), 0);

/** Reads `usage` of chat completions. */
export function chatUsage(usage: JsonObject): Report {
  const prompt = objectOr(usage['prompt_tokens_details']);
  const completion = objectOr(usage['completion_tokens_details']);
  // DeepSeek has the number of cached tokens under a name of its own.
  const read = count(prompt['cached_tokens'] ?? usage['prompt_cache_hit_tokens']) ?? 0;
  return {
    input: count(usage['prompt_tokens']),
    output: count(usage['completion_tokens']),
    cached: cachedTokens(read, 0),
    reasoning: count(completion['reasoning_tokens']) || undefined,
  };
}

/** Reads `response.usage` of the Responses API. */
export function responsesUsage(usage: JsonObject): Report {
  const read = count(objectOr(usage['input_tokens_details'])['cached_tokens']) ?? 0;
  return {
    input: count(usage['input_tokens']),
    output: count(usage['output_tokens']),
    cached: cachedTokens(read, 0),
    reasoning: count(objectOr(usage['output_tokens_details'])['reasoning_tokens']) || undefined,
  };
}

/** Reads `usageMetadata` of Gemini. Its `candidatesTokenCount` does not contain the thoughts. */
export function googleUsage(usage: JsonObject): Report {
  const thoughts = count(usage['thoughtsTokenCount']);
  const read = count(usage['cachedContentTokenCount']) ?? 0;
  return {
    input: sum(count(usage['promptTokenCount']), count(usage['toolUsePromptTokenCount'])),
    output: sum(count(usage['candidatesTokenCount']), thoughts),
    cached: cachedTokens(read, 0),
    reasoning: thoughts || undefined,
  };
}

/**
 * Reads the usage of Anthropic's messages. Its `input_tokens` do not contain cached tokens. Later reports repeat only what
 * has changed, so all reports of a call are added up here.
 */
export class AnthropicUsage {
  private uncached: number | undefined;
  private read: number | undefined;
  private written: number | undefined;
  private output: number | undefined;
  private reasoning: number | undefined;

  take(usage: JsonObject): Report {
    const total = executorTotals(usage['iterations']);
    this.uncached = total?.input ?? count(usage['input_tokens']) ?? this.uncached;
    this.output = total?.output ?? count(usage['output_tokens']) ?? this.output;
    this.read = count(usage['cache_read_input_tokens']) ?? this.read;
    this.written = count(usage['cache_creation_input_tokens']) ?? this.written;
    this.reasoning = count(objectOr(usage['output_tokens_details'])['thinking_tokens']) ?? this.reasoning;
    return {
      input: sum(this.uncached, this.read || undefined, this.written || undefined),
      output: this.output,
      cached: cachedTokens(this.read ?? 0, this.written ?? 0),
      reasoning: this.reasoning || undefined,
    };
  }

  /** Tokens of the answer so far; undefined if none are reported. */
  get outputTokens(): number | undefined {
    return this.output;
  }
}

/** After a compaction the totals are those of all iterations of the model itself, as the AI SDK counts them. */
function executorTotals(iterations: unknown): { input: number; output: number } | undefined {
  const list = Array.isArray(iterations) ? iterations.filter(isObject) : [];
  if (list.some(({ type }) => type === 'fallback_message')) return undefined;
  const own = list.filter(({ type }) => type === 'message' || type === 'compaction');
  if (own.length === 0) return undefined;
  return {
    input: sum(0, ...own.map((each) => count(each['input_tokens'])))!,
    output: sum(0, ...own.map((each) => count(each['output_tokens'])))!,
  };
}

/** Reports the usage in the body of a failed call, whichever provider it is from. */
export function reportFromError(observer: UsageObserver | undefined, body: unknown): void {
  if (!isObject(body)) return;
  for (const place of [body, body['error'], body['response'], body['message']]) {
    if (!isObject(place)) continue;
    const { usage, usageMetadata } = place;
    if (isObject(usageMetadata)) report(observer, googleUsage(usageMetadata));
    if (!isObject(usage)) continue;
    if (usage['prompt_tokens'] !== undefined || usage['completion_tokens'] !== undefined)
      report(observer, chatUsage(usage));
    else if (usage['input_tokens_details'] !== undefined) report(observer, responsesUsage(usage));
    else report(observer, new AnthropicUsage().take(usage));
  }
}
