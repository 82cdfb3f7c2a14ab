import type { UsageObserver } from '../usage-observer.js';
import type { ArgumentLimit } from './argument-limit.js';
import { ChatToolCalls, legacyCall } from './chat-tool-calls.js';
import { isObject, type JsonObject, numberOr, objectOr, withNumbers } from './json-object.js';
import { chatUsage, report } from './reported-usage.js';
import {
  type EventSink,
  isGiven,
  type ProviderEvent,
  saysError,
  type StreamNormalizer,
} from './stream-normalizer.js';

/** Reasons in the words of OpenAI, by the words that other servers use. */
const FINISH_REASONS = new Map([
  ...['stop', 'eos', 'eos_token', 'end_turn', 'stop_sequence', 'complete', 'completed', 'done'].map(
    (name) => [name, 'stop'] as const,
  ),
  ...['length', 'max_tokens', 'max_length', 'model_length'].map((name) => [name, 'length'] as const),
  ...['tool_calls', 'tool_call', 'tool_use'].map((name) => [name, 'tool_calls'] as const),
  ...['content_filter', 'content_filtered', 'safety', 'sensitive', 'refusal'].map(
    (name) => [name, 'content_filter'] as const,
  ),
  ['function_call', 'function_call'] as const,
]);
/** Reasons that say that the provider could not complete the answer. Without a reason the answer counts as broken. */
const BROKEN = new Set(['error', 'abort', 'aborted', 'network_error', 'insufficient_system_resource']);

const COUNTS = ['prompt_tokens', 'completion_tokens', 'total_tokens'];
const NO_TOKENS = { prompt_tokens: 0, completion_tokens: 0, total_tokens: 0 };
const PROMPT_COUNTS = ['cached_tokens'];
const COMPLETION_COUNTS = ['reasoning_tokens', 'accepted_prediction_tokens', 'rejected_prediction_tokens'];

/** Normalizes the chunks of OpenAI's chat completions, which many other servers imitate, and of Mistral. */
export class ChatChunks implements StreamNormalizer {
  isComplete = false;
  private readonly calls: ChatToolCalls;
  /** Whether the answer has any content. */
  private hasContent = false;
  private hasFinished = false;
  private hasFailed = false;

  constructor(
    private readonly observer: UsageObserver | undefined,
    limit: ArgumentLimit,
    /** The AI SDK's package for Mistral wants a choice in each chunk, and all counts. */
    private readonly isMistral = false,
  ) {
    this.calls = new ChatToolCalls(limit);
  }

  take(value: unknown, event: ProviderEvent, sink: EventSink): void {
    if (!isObject(value)) {
      // Text in the place of a chunk is an error. Other values say nothing.
      if (typeof value === 'string' && value.trim() !== '') this.fail(value, event, sink);
      return;
    }
    const usage = this.usageIn(value);
    if (usage) report(this.observer, chatUsage(usage));
    if (isGiven(value['error']) && !(isObject(value['error']) && Object.keys(value['error']).length === 0))
      return this.fail(value, event, sink);
    const choices = isObject(value['choices']) ? [value['choices']] : value['choices'];
    if (!Array.isArray(choices)) {
      const isChunk = usage !== undefined || value['object'] === 'chat.completion.chunk';
      if (!isChunk && saysError(value, event)) return this.fail(value, event, sink);
      if (!isChunk) return;
    }
    const isHeadChanged = this.repairHead(value, usage);
    const areChoicesChanged = this.repairChoices(value, Array.isArray(choices) ? choices : []);
    const isChanged = event.isRepaired || isHeadChanged || areChoicesChanged;
    if (isChanged) sink.send(value);
    else sink.pass(event, value);
  }

  takeUnreadable(event: ProviderEvent, sink: EventSink): void {
    this.fail(undefined, event, sink);
  }

  done(sink: EventSink): void {
    if (this.isComplete) return;
    this.end(sink);
    this.isComplete = true;
    // Some servers end an answer with [DONE] alone.
    if (this.hasContent && !this.hasFinished && !this.hasFailed)
      sink.send(chunk({}, this.calls.isEmpty ? 'stop' : 'tool_calls'));
  }

  end(sink: EventSink): void {
    const unnamed = this.calls.unnamed();
    if (unnamed.length > 0) sink.send(chunk({ tool_calls: unnamed }, null));
  }

  /** The AI SDK keeps only `type` and `code` of an error, so the status goes into `code`. */
  private fail(value: unknown, event: ProviderEvent, sink: EventSink): void {
    this.hasFailed = true;
    const error = objectOr(objectOr(value)['error']);
    const status = error['status'] ?? error['status_code'] ?? objectOr(value)['status'];
    const isNamed = isGiven(error['code']) || isGiven(error['type']);
    if (isNamed || typeof error['message'] !== 'string' || !isGiven(status)) return sink.pass(event, value);
    error['code'] = status;
    sink.send(value as JsonObject);
  }

  /** Groq and Moonshot have places of their own for the usage. */
  private usageIn(value: JsonObject): JsonObject | undefined {
    const { usage, choices, x_groq: groq } = value;
    if (isObject(usage)) return usage;
    const other = objectOr(groq)['usage'] ?? (Array.isArray(choices) && objectOr(choices[0])['usage']);
    return isObject(other) ? other : undefined;
  }

  private repairHead(value: JsonObject, usage: JsonObject | undefined): boolean {
    let isChanged = false;
    const set = (name: string, repaired: unknown) => {
      if (repaired === undefined) delete value[name];
      else value[name] = repaired;
      isChanged = true;
    };
    if ('error' in value) set('error', undefined);
    for (const name of ['id', 'model']) {
      const given = value[name];
      if (given !== undefined && given !== null && typeof given !== 'string')
        set(name, typeof given === 'number' ? String(given) : undefined);
    }
    const { created } = value;
    if (created !== undefined && created !== null && typeof created !== 'number')
      set('created', numberOr(created));
    const isFit = usage && usage === value['usage'] && hasNumbers(usage) && !this.lacksCounts(usage);
    if (usage ? !isFit : isGiven(value['usage']))
      set('usage', usage && { ...(this.isMistral && NO_TOKENS), ...repairedUsage(usage) });
    return isChanged;
  }

  private lacksCounts(usage: JsonObject): boolean {
    return this.isMistral && COUNTS.some((name) => typeof usage[name] !== 'number');
  }

  private repairChoices(value: JsonObject, choices: unknown[]): boolean {
    const kept = choices.every(isObject) ? choices : choices.filter(isObject);
    let isChanged = kept !== choices || value['choices'] !== choices;
    for (const choice of kept) if (this.repairChoice(choice, value['object'])) isChanged = true;
    if (this.isMistral && kept.length === 0) {
      value['choices'] = [{ index: 0, delta: {}, finish_reason: null }];
      return true;
    }
    if (isChanged) value['choices'] = kept;
    return isChanged;
  }

  private repairChoice(choice: JsonObject, object: unknown): boolean {
    let isChanged = false;
    if (!isObject(choice['delta'])) {
      choice['delta'] = this.deltaOf(choice, object);
      isChanged = true;
    }
    if (typeof choice['index'] !== 'number') {
      choice['index'] = numberOr(choice['index']) ?? 0;
      isChanged = true;
    }
    if (this.repairDelta(choice['delta'] as JsonObject)) isChanged = true;
    const reason = choice['finish_reason'];
    if (reason !== undefined && reason !== null && this.repairReason(choice, reason)) isChanged = true;
    return isChanged;
  }

  /** Some servers send `message` in place of `delta`, and servers of old completions send `text`. */
  private deltaOf({ message, text }: JsonObject, object: unknown): JsonObject {
    if (typeof text === 'string') return { content: text };
    if (!isObject(message)) return {};
    // After the pieces, a whole message repeats what they have said.
    return object === 'chat.completion' && this.hasContent ? {} : { ...message };
  }

  private repairDelta(delta: JsonObject): boolean {
    let isChanged = false;
    const set = (name: string, repaired: unknown) => {
      if (repaired === undefined) delete delta[name];
      else delta[name] = repaired;
      isChanged = true;
    };
    const { role, content, reasoning, reasoning_content, thinking, function_call: legacy } = delta;
    if (role !== undefined && role !== 'assistant') set('role', undefined);
    if (content !== undefined && content !== null && typeof content !== 'string') {
      const repaired = repairedContent(content);
      if (repaired !== content) set('content', repaired);
    }
    if (isGiven(delta['content'])) this.hasContent = true;
    if (reasoning !== undefined && reasoning !== null && typeof reasoning !== 'string')
      set('reasoning', textIn(reasoning));
    if (
      reasoning_content !== undefined &&
      reasoning_content !== null &&
      typeof reasoning_content !== 'string'
    )
      set('reasoning_content', textIn(reasoning_content));
    if (typeof thinking === 'string' && !isGiven(reasoning) && !isGiven(reasoning_content))
      set('reasoning_content', thinking);
    if (isObject(legacy) && !isGiven(delta['tool_calls'])) set('tool_calls', legacyCall(legacy));
    const { tool_calls: parts } = delta;
    if (parts !== undefined && parts !== null) {
      const list = Array.isArray(parts) ? parts : isObject(parts) ? [parts] : [];
      const taken = this.calls.take(list);
      if (taken !== parts) set('tool_calls', taken);
      if (!this.calls.isEmpty) this.hasContent = true;
    }
    return isChanged;
  }

  private repairReason(choice: JsonObject, reason: unknown): boolean {
    const known = typeof reason === 'string' ? FINISH_REASONS.get(reason.toLowerCase()) : undefined;
    const repaired =
      typeof reason !== 'string' || reason.trim() === '' || BROKEN.has(reason) ? null : (known ?? reason);
    if (repaired !== null) this.hasFinished = true;
    else if (BROKEN.has(reason as string)) this.hasFailed = true;
    if (repaired === reason) return false;
    choice['finish_reason'] = repaired;
    return true;
  }
}

const chunk = (delta: JsonObject, reason: string | null): JsonObject => ({
  choices: [{ index: 0, delta, finish_reason: reason }],
});

const isNumber = (value: unknown): boolean =>
  value === undefined || value === null || typeof value === 'number';

/** Whether the counts of `usage` have the types that the AI SDK wants. */
function hasNumbers(usage: JsonObject): boolean {
  const { prompt_tokens_details: prompt, completion_tokens_details: completion } = usage;
  return (
    COUNTS.every((name) => isNumber(usage[name])) &&
    (!isGiven(prompt) || (isObject(prompt) && PROMPT_COUNTS.every((name) => isNumber(prompt[name])))) &&
    (!isGiven(completion) ||
      (isObject(completion) && COMPLETION_COUNTS.every((name) => isNumber(completion[name]))))
  );
}

function repairedUsage(usage: JsonObject): JsonObject {
  const { prompt_tokens_details: prompt, completion_tokens_details: completion, ...counts } = usage;
  return {
    ...withNumbers(counts, COUNTS),
    ...(isObject(prompt) && { prompt_tokens_details: withNumbers(prompt, PROMPT_COUNTS) }),
    ...(isObject(completion) && {
      completion_tokens_details: withNumbers(completion, COMPLETION_COUNTS),
    }),
  };
}

/** Keeps the parts of text and thoughts. Images and parts of unknown types are dropped. */
function repairedContent(content: unknown): unknown {
  if (typeof content === 'number') return String(content);
  if (!Array.isArray(content)) return textIn(content);
  const parts = content.flatMap<unknown>((part) => {
    if (typeof part === 'string') return { type: 'text', text: part };
    if (!isObject(part)) return [];
    if (part['type'] === 'thinking') {
      const { thinking } = part;
      if (Array.isArray(thinking) && thinking.every((each) => typeof objectOr(each)['text'] === 'string'))
        return part;
      return typeof thinking === 'string'
        ? { type: 'thinking', thinking: [{ type: 'text', text: thinking }] }
        : [];
    }
    const isText = part['type'] === 'text' || part['type'] === 'output_text';
    return isText && typeof part['text'] === 'string' ? { type: 'text', text: part['text'] } : [];
  });
  return parts;
}

/** Finds the text in an object, or the joined texts in a list. */
function textIn(value: unknown): string | undefined {
  if (typeof value === 'string') return value;
  if (Array.isArray(value)) return value.map((each) => textIn(each) ?? '').join('') || undefined;
  const { text, content } = objectOr(value);
  return [text, content].find((each) => typeof each === 'string');
}
