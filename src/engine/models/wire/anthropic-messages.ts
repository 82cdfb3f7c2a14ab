import { isObject, type JsonObject, numberOr, objectOr, stringOr, withNumbers } from './json-object.js';

const COUNTS = ['input_tokens', 'output_tokens', 'cache_creation_input_tokens', 'cache_read_input_tokens'];
/** The AI SDK wants a number. The engine takes a negative one as not reported, and estimates the tokens. */
const NOT_REPORTED = -1;
const ITERATIONS = new Set(['compaction', 'message', 'advisor_message', 'fallback_message']);
const EDITS: Readonly<Record<string, readonly string[]>> = {
  clear_tool_uses_20250919: ['cleared_tool_uses', 'cleared_input_tokens'],
  clear_thinking_20251015: ['cleared_thinking_turns', 'cleared_input_tokens'],
  compact_20260112: [],
};

/** Reduces the message of `message_start` to what the AI SDK reads, in the types that it accepts. */
export function repairedMessageStart(message: JsonObject): JsonObject {
  const { content, usage } = message;
  const calls = (Array.isArray(content) ? content : []).filter(
    (part) =>
      isObject(part) &&
      part['type'] === 'tool_use' &&
      typeof part['id'] === 'string' &&
      typeof part['name'] === 'string',
  );
  return {
    ...strings(message, ['id', 'model', 'role', 'service_tier', 'stop_reason']),
    usage: { input_tokens: hasCounts(objectOr(usage)) ? 0 : NOT_REPORTED, ...repairedUsage(objectOr(usage)) },
    ...(calls.length > 0 && { content: calls }),
    ...container(message['container']),
  };
}

/**
 * Reduces a `message_delta` to what the AI SDK reads, in the types that it accepts.
 * @param outputTokens the tokens of the answer so far, if this event does not report them
 */
export function repairedMessageDelta(value: JsonObject, outputTokens = NOT_REPORTED): JsonObject {
  const delta = objectOr(value['delta']);
  const details = objectOr(delta['stop_details']);
  const { context_management: management } = value;
  return {
    type: 'message_delta',
    delta: {
      ...strings(delta, ['stop_reason', 'stop_sequence']),
      ...(typeof details['type'] === 'string' && {
        stop_details: strings(details, ['type', 'category', 'explanation', 'recommended_model']),
      }),
      ...container(delta['container']),
    },
    usage: { output_tokens: outputTokens, ...repairedUsage(objectOr(value['usage'])) },
    ...(isObject(management) && {
      context_management: { applied_edits: edits(management['applied_edits']) },
    }),
  };
}

const hasCounts = (usage: JsonObject): boolean => COUNTS.some((name) => (numberOr(usage[name]) ?? 0) > 0);

function repairedUsage(usage: JsonObject): JsonObject {
  const { service_tier, iterations, output_tokens_details, ...counts } = withNumbers(usage, COUNTS);
  const thinking = numberOr(objectOr(output_tokens_details)['thinking_tokens']);
  return {
    ...counts,
    ...(typeof service_tier === 'string' && { service_tier }),
    ...(thinking !== undefined && { output_tokens_details: { thinking_tokens: thinking } }),
    ...(Array.isArray(iterations) && { iterations: iterations.flatMap(repairedIteration) }),
  };
}

/** Iterations of unknown types are dropped. */
function repairedIteration(value: unknown): JsonObject[] {
  const { type, model } = objectOr(value);
  if (typeof type !== 'string' || !ITERATIONS.has(type)) return [];
  const counts = withNumbers(objectOr(value), COUNTS);
  return [
    {
      input_tokens: 0,
      output_tokens: 0,
      ...Object.fromEntries(COUNTS.flatMap((name) => (name in counts ? [[name, counts[name]]] : []))),
      type,
      ...(typeof model === 'string' && { model }),
    },
  ];
}

const edits = (list: unknown): unknown[] =>
  (Array.isArray(list) ? list : []).filter((edit) => {
    const { type } = objectOr(edit);
    const counts = typeof type === 'string' && Object.hasOwn(EDITS, type) ? EDITS[type] : undefined;
    return counts?.every((name) => typeof (edit as JsonObject)[name] === 'number') ?? false;
  });

/** The container in which Anthropic has run code. */
function container(value: unknown): JsonObject {
  const { id, expires_at } = objectOr(value);
  return typeof id === 'string' && typeof expires_at === 'string' ? { container: { id, expires_at } } : {};
}

const strings = (value: JsonObject, names: readonly string[]): JsonObject =>
  Object.fromEntries(
    names.flatMap((name) => {
      const text = stringOr(value[name]);
      return text === undefined ? [] : [[name, text]];
    }),
  );
