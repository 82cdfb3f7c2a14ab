import type { UsageObserver } from '../usage-observer.js';
import type { ArgumentLimit } from './argument-limit.js';
import { isObject, type JsonObject, numberOr, objectOr, withNumbers } from './json-object.js';
import { report, responsesUsage } from './reported-usage.js';
import { StreamEndedEarlyError } from './stream-ended-early-error.js';
import {
  type EventSink,
  isGiven,
  type ProviderEvent,
  saysError,
  type StreamNormalizer,
} from './stream-normalizer.js';

const END = new Set(['response.completed', 'response.incomplete', 'response.failed']);
const DELTAS = new Set([
  'response.output_text.delta',
  'response.refusal.delta',
  'response.reasoning_summary_text.delta',
  'response.function_call_arguments.delta',
]);
const COUNTS = ['input_tokens', 'output_tokens', 'total_tokens'];

/** Normalizes the events of OpenAI's Responses API. The AI SDK skips event types that it does not know. */
export class ResponsesEvents implements StreamNormalizer {
  isComplete = false;
  private hasFailed = false;

  constructor(
    private readonly observer: UsageObserver | undefined,
    private readonly limit: ArgumentLimit,
  ) {}

  take(value: unknown, event: ProviderEvent, sink: EventSink): void {
    if (!isObject(value)) {
      if (typeof value === 'string' && value.trim() !== '') this.fail(value, event, sink);
      return;
    }
    const usage = objectOr(value['response'])['usage'];
    if (isObject(usage)) report(this.observer, responsesUsage(usage));
    if (typeof value['type'] !== 'string') {
      if (isGiven(value['error']) || saysError(value, event)) return this.fail(value, event, sink);
      if (event.name === undefined) return;
    }
    const isRenamed = typeof value['type'] !== 'string';
    if (isRenamed) value['type'] = event.name;
    const type = value['type'] as string;
    if (type === 'error' || (!type.startsWith('response.') && isGiven(value['error'])))
      return this.fail(value, event, sink);
    if (END.has(type)) this.isComplete = true;
    const isChanged = [
      event.isRepaired,
      isRenamed,
      repairDelta(value, type),
      repairResponse(value, type),
    ].some(Boolean);
    if (type === 'response.output_item.done') this.limit.addItem(event.data);
    else if (type === 'response.function_call_arguments.delta') this.limit.add(value['delta'] as string);
    if (isChanged) sink.send(value);
    else sink.pass(event, value);
  }

  takeUnreadable(event: ProviderEvent, sink: EventSink): void {
    this.fail(undefined, event, sink);
  }

  done(): void {
    // The Responses API does not send [DONE], but gateways add it.
  }

  /** @throws StreamEndedEarlyError because the AI SDK takes such an answer as complete */
  end(): void {
    if (!this.isComplete && !this.hasFailed) throw new StreamEndedEarlyError();
  }

  private fail(value: unknown, event: ProviderEvent, sink: EventSink): void {
    this.hasFailed = true;
    sink.pass(event, value);
  }
}

/** Fills in what a delta lacks. The log probabilities, which nothing here reads, go if they have another shape. */
function repairDelta(value: JsonObject, type: string): boolean {
  if (!DELTAS.has(type)) return false;
  let isChanged = false;
  if (typeof value['delta'] !== 'string') {
    const { delta } = value;
    value['delta'] =
      delta === undefined || delta === null
        ? ''
        : typeof delta === 'number'
          ? String(delta)
          : JSON.stringify(delta);
    isChanged = true;
  }
  if (typeof value['item_id'] !== 'string') {
    value['item_id'] = `item_${numberOr(value['output_index']) ?? 0}`;
    isChanged = true;
  }
  const { logprobs } = value;
  if (logprobs !== undefined && logprobs !== null && !areLogprobs(logprobs)) {
    delete value['logprobs'];
    isChanged = true;
  }
  return isChanged;
}

const areLogprobs = (list: unknown): boolean =>
  Array.isArray(list) &&
  list.every(
    (each) =>
      isObject(each) &&
      typeof each['token'] === 'string' &&
      typeof each['logprob'] === 'number' &&
      Array.isArray(each['top_logprobs']) &&
      each['top_logprobs'].every((top) => typeof objectOr(top)['logprob'] === 'number'),
  );

/** Fills in what the AI SDK wants of a response. */
function repairResponse(value: JsonObject, type: string): boolean {
  const isStart = type === 'response.created' || type === 'response.in_progress';
  if (!isStart && !END.has(type)) return false;
  let isChanged = false;
  const set = (target: JsonObject, name: string, repaired: unknown) => {
    target[name] = repaired;
    isChanged = true;
  };
  if (!isObject(value['response'])) set(value, 'response', {});
  const response = value['response'] as JsonObject;
  if (isStart) {
    if (typeof response['id'] !== 'string') set(response, 'id', '');
    if (typeof response['created_at'] !== 'number')
      set(response, 'created_at', numberOr(response['created_at']) ?? 0);
    if (typeof response['model'] !== 'string') set(response, 'model', '');
    return isChanged;
  }
  const { usage, incomplete_details: details } = response;
  if (isObject(usage) && COUNTS.some((name) => typeof usage[name] === 'string'))
    set(response, 'usage', { input_tokens: 0, output_tokens: 0, ...withNumbers(usage, COUNTS) });
  else if (usage !== undefined && usage !== null && !hasCounts(usage)) set(response, 'usage', null);
  if (isObject(details) && typeof details['reason'] !== 'string') set(response, 'incomplete_details', null);
  if (type === 'response.failed' && typeof value['sequence_number'] !== 'number')
    set(value, 'sequence_number', 0);
  return isChanged;
}

const hasCounts = (usage: unknown): boolean =>
  isObject(usage) && typeof usage['input_tokens'] === 'number' && typeof usage['output_tokens'] === 'number';
