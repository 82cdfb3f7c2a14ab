import type { UsageObserver } from '../usage-observer.js';
import type { ArgumentLimit } from './argument-limit.js';
import { repairedMessageDelta, repairedMessageStart } from './anthropic-messages.js';
import { UNNAMED_TOOL } from './chat-tool-calls.js';
import { isObject, type JsonObject, numberOr, objectOr, stringOr } from './json-object.js';
import { AnthropicUsage, report } from './reported-usage.js';
import {
  type EventSink,
  isGiven,
  type ProviderEvent,
  saysError,
  type StreamNormalizer,
} from './stream-normalizer.js';

/** Blocks that arrive whole, for tools that Anthropic carries out itself. The AI SDK knows them. */
const WHOLE_BLOCKS = new Set([
  'redacted_thinking',
  'compaction',
  'server_tool_use',
  'mcp_tool_use',
  'mcp_tool_result',
  'web_fetch_tool_result',
  'web_search_tool_result',
  'code_execution_tool_result',
  'bash_code_execution_tool_result',
  'text_editor_code_execution_tool_result',
  'tool_search_tool_result',
  'advisor_tool_result',
  'fallback',
]);
const CITATIONS = new Set([
  'web_search_result_location',
  'page_location',
  'char_location',
  'content_block_location',
  'search_result_location',
]);
/** The types of deltas that have one text, and its member. */
const DELTA_TEXT: Readonly<Record<string, string>> = {
  text_delta: 'text',
  thinking_delta: 'thinking',
  signature_delta: 'signature',
  input_json_delta: 'partial_json',
};

/**
 * Normalizes the events of Anthropic's Messages API. Anthropic says that new event types may appear at any time
 * (https://platform.claude.com/docs/en/build-with-claude/streaming, "Other events").
 */
export class AnthropicEvents implements StreamNormalizer {
  isComplete = false;
  private readonly usage = new AnthropicUsage();
  /** The types of the open blocks by their index. */
  private readonly open = new Map<number, string>();
  /** The blocks that are dropped, because their type is not known. */
  private readonly dropped = new Set<number>();
  private nextIndex = 0;
  private hasStarted = false;
  private hasStopReason = false;

  constructor(
    private readonly observer: UsageObserver | undefined,
    private readonly limit: ArgumentLimit,
  ) {}

  take(value: unknown, event: ProviderEvent, sink: EventSink): void {
    if (!isObject(value)) {
      // Text in the place of an event is an error. Other values say nothing.
      if (typeof value === 'string' && value.trim() !== '') this.fail(value, event, sink);
      return;
    }
    let taken = event;
    if (typeof value['type'] !== 'string') {
      if (isGiven(value['error']) || event.name === undefined) {
        if (saysError(value, event)) this.fail(value, event, sink);
        return;
      }
      value['type'] = event.name;
      taken = { ...event, isRepaired: true };
    }
    switch (value['type']) {
      case 'content_block_delta':
        return this.takeDelta(value, taken, sink);
      case 'content_block_start':
        return this.takeStart(value, taken, sink);
      case 'content_block_stop': {
        const index = this.indexOf(value['index']) ?? [...this.open.keys()].at(-1);
        if (index === undefined || this.dropped.delete(index)) return;
        this.open.delete(index);
        return index === value['index'] && !taken.isRepaired
          ? sink.pass(event, value)
          : sink.send({ type: 'content_block_stop', index });
      }
      case 'message_start':
        return this.takeMessageStart(value, sink);
      case 'message_delta':
        return this.takeMessageDelta(value, sink);
      case 'message_stop':
        this.closeBlocks(sink);
        this.isComplete = true;
        return sink.send({ type: 'message_stop' });
      case 'ping':
        return sink.send({ type: 'ping' });
      case 'error':
        return this.fail(value, event, sink);
      default:
        if (isGiven(value['error'])) this.fail(value, event, sink);
    }
  }

  takeUnreadable(event: ProviderEvent, sink: EventSink): void {
    this.fail(undefined, event, sink);
  }

  done(): void {
    // Anthropic does not send [DONE], but gateways add it.
  }

  end(sink: EventSink): void {
    // Some gateways leave the last event out. An answer that has its reason is complete.
    if (this.isComplete || !this.hasStopReason) return;
    this.closeBlocks(sink);
    sink.send({ type: 'message_stop' });
  }

  /**
   * Passes an error on. The AI SDK loses what an error says if it comes before all other events, so the start of a message
   * goes before it.
   */
  private fail(value: unknown, event: ProviderEvent, sink: EventSink): void {
    if (!this.hasStarted) sink.send({ type: 'message_start', message: repairedMessageStart({}) });
    this.hasStarted = true;
    sink.pass(event, value);
  }

  private takeMessageStart(value: JsonObject, sink: EventSink): void {
    const message = objectOr(value['message']);
    this.hasStarted = true;
    report(this.observer, this.usage.take(objectOr(message['usage'])));
    sink.send({ type: 'message_start', message: repairedMessageStart(message) });
  }

  private takeMessageDelta(value: JsonObject, sink: EventSink): void {
    report(this.observer, this.usage.take(objectOr(value['usage'])));
    this.closeBlocks(sink);
    const repaired = repairedMessageDelta(value, this.usage.outputTokens);
    if (isGiven(objectOr(repaired['delta'])['stop_reason'])) this.hasStopReason = true;
    sink.send(repaired);
  }

  private takeStart(value: JsonObject, event: ProviderEvent, sink: EventSink): void {
    const index = this.indexOf(value['index']) ?? this.nextIndex;
    const block = objectOr(value['content_block']);
    const type = stringOr(block['type']);
    this.limit.addItem();
    this.stop(index, sink);
    this.nextIndex = Math.max(this.nextIndex, index + 1);
    switch (type) {
      case 'text':
        return this.begin(index, { type, text: '' }, textDelta('text_delta', 'text', block['text']), sink);
      case 'thinking':
        return this.begin(
          index,
          { type, thinking: '' },
          textDelta('thinking_delta', 'thinking', block['thinking']),
          sink,
        );
      case 'tool_use': {
        const { input, caller, toolset_name } = block;
        const text = typeof input === 'string' ? input : undefined;
        const tool: JsonObject = {
          type,
          id: nonBlank(block['id']) ?? `toolu_${crypto.randomUUID()}`,
          name: nonBlank(block['name']) ?? UNNAMED_TOOL,
          ...(isObject(input) && { input }),
          ...(isObject(caller) && { caller }),
          ...(typeof toolset_name === 'string' && { toolset_name }),
        };
        return this.begin(index, tool, textDelta('input_json_delta', 'partial_json', text), sink);
      }
      default:
        if (type === undefined || !WHOLE_BLOCKS.has(type)) {
          this.dropped.add(index);
          return;
        }
        this.open.set(index, type);
        if (index === value['index'] && !event.isRepaired) sink.pass(event, value);
        else sink.send({ ...value, index });
    }
  }

  private takeDelta(value: JsonObject, event: ProviderEvent, sink: EventSink): void {
    const delta = objectOr(value['delta']);
    const type = stringOr(delta['type']) ?? '';
    const given = this.indexOf(value['index']);
    if (given !== undefined && this.dropped.has(given)) return;
    const member = Object.hasOwn(DELTA_TEXT, type) ? DELTA_TEXT[type]! : undefined;
    if (!member) {
      const isCitation =
        type === 'citations_delta' && CITATIONS.has(String(objectOr(delta['citation'])['type']));
      if ((isCitation || type === 'compaction_delta') && given === value['index']) sink.pass(event, value);
      return;
    }
    const index = this.blockFor(given, type, sink);
    if (index === undefined) return;
    const text = delta[member];
    if (type === 'input_json_delta') this.limit.add(repairedText(text));
    if (typeof text === 'string' && index === value['index'] && !event.isRepaired)
      return sink.pass(event, value);
    const repaired = repairedText(text);
    if (repaired !== '')
      sink.send({ type: 'content_block_delta', index, delta: { type, [member]: repaired } });
  }

  /**
   * Finds the block of a delta whose index is wrong or missing, and begins one for text that has none.
   * @returns undefined if the delta belongs nowhere
   */
  private blockFor(given: number | undefined, type: string, sink: EventSink): number | undefined {
    if (given !== undefined && this.open.has(given)) return given;
    const wanted = type === 'text_delta' ? 'text' : type === 'input_json_delta' ? 'tool_use' : 'thinking';
    const other = [...this.open].findLast(([, open]) => open === wanted);
    if (other) return other[0];
    if (type !== 'text_delta' && type !== 'thinking_delta') return undefined;
    const index = given ?? this.nextIndex;
    this.nextIndex = Math.max(this.nextIndex, index + 1);
    const block = wanted === 'text' ? { type: wanted, text: '' } : { type: wanted, thinking: '' };
    this.begin(index, block, undefined, sink);
    return index;
  }

  /** Begins a block. The AI SDK ignores text in its start, so the text follows as a delta. */
  private begin(index: number, block: JsonObject, delta: JsonObject | undefined, sink: EventSink): void {
    this.dropped.delete(index);
    this.open.set(index, block['type'] as string);
    sink.send({ type: 'content_block_start', index, content_block: block });
    if (delta) sink.send({ type: 'content_block_delta', index, delta });
  }

  private stop(index: number, sink: EventSink): void {
    this.dropped.delete(index);
    if (this.open.delete(index)) sink.send({ type: 'content_block_stop', index });
  }

  /** Ends the blocks that the provider has left open. Without it the AI SDK would lose a call of a tool. */
  private closeBlocks(sink: EventSink): void {
    for (const index of this.open.keys()) this.stop(index, sink);
  }

  private indexOf(value: unknown): number | undefined {
    const index = typeof value === 'number' ? value : numberOr(value);
    return index !== undefined && Number.isSafeInteger(index) && index >= 0 ? index : undefined;
  }
}

const textDelta = (type: string, member: string, text: unknown): JsonObject | undefined =>
  typeof text === 'string' && text !== '' ? { type, [member]: text } : undefined;

const nonBlank = (value: unknown): string | undefined => {
  if (typeof value === 'number') return String(value);
  return typeof value === 'string' && value.trim() !== '' ? value : undefined;
};

/** Some gateways send numbers, and the arguments of a tool as an object. */
function repairedText(value: unknown): string {
  if (typeof value === 'string') return value;
  return typeof value === 'number' || isObject(value) ? JSON.stringify(value) : '';
}
