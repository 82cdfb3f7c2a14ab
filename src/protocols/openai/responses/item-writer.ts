import type { ExecutionEventOf, Json } from '@cloutagent/contract';
import { separateFiles } from '@cloutagent/contract/files';
import type { EventFrames } from '../sequence-number.js';
import {
  type CallItem,
  type ItemStatus,
  type MessageItem,
  newCall,
  newMessage,
  newReasoning,
  type ReasoningItem,
  type ResponseItem,
} from './response-items.js';
import { openItems, type ResponseState, type StateItem } from './response-state.js';

type Output = ExecutionEventOf<'execution:output'>;
type Thinking = ExecutionEventOf<'execution:thinking'>;
type OpenItem<Item extends ResponseItem> = StateItem & { readonly item: Item };

/** Changes the output of a response with one event, and writes the frames that say so. */
export class ItemWriter {
  constructor(
    private readonly state: ResponseState,
    private readonly frames: EventFrames,
  ) {}

  addText(event: Output): void {
    this.closeTexts(event.nodeId, 'completed', 'reasoning');
    const open = this.openItem<MessageItem>(event.nodeId, 'message') ?? this.beginMessage(event);
    open.item.content[0]!.text += event.chunk;
    this.frames.add('response.output_text.delta', {
      ...contentOf(open),
      delta: event.chunk,
      logprobs: [],
    });
  }

  addThinking(event: Thinking): void {
    this.closeTexts(event.nodeId, 'completed', 'message');
    const open = this.openItem<ReasoningItem>(event.nodeId, 'reasoning') ?? this.beginReasoning(event);
    open.item.summary[0]!.text += event.chunk;
    this.frames.add('response.reasoning_summary_text.delta', { ...summaryOf(open), delta: event.chunk });
  }

  /** Adds a message that is whole. */
  addMessage(event: { sequence: number; executionId: string; nodeId: string }, text: string): void {
    const added = this.beginMessage(event);
    added.item.content[0]!.text = text;
    this.frames.add('response.output_text.delta', { ...contentOf(added), delta: text, logprobs: [] });
    this.close(added, 'completed');
  }

  beginCall(event: ExecutionEventOf<'execution:tool-call'>): void {
    this.closeTexts(event.nodeId, 'completed');
    const args = JSON.stringify(event.toolArgs);
    const item = newCall(idOf('mcp', event), event.toolName, args);
    const added = this.begin(event, item, event.toolId, { ...item, arguments: '' });
    this.frames.add('response.mcp_call.in_progress', placeOf(added));
    this.frames.add('response.mcp_call_arguments.delta', { ...placeOf(added), delta: args });
    this.frames.add('response.mcp_call_arguments.done', { ...placeOf(added), arguments: args });
  }

  endCall({ nodeId, toolId, toolArgs, result, isError }: ExecutionEventOf<'execution:tool-result'>): void {
    this.closeTexts(nodeId, 'completed');
    const open = openItems(this.state).find(
      (each): each is OpenItem<CallItem> =>
        each.item.type === 'mcp_call' && each.nodeId === nodeId && each.toolId === toolId,
    );
    if (!open) return;
    const { item } = open;
    const text = textOf(result);
    if (toolArgs !== undefined) item.arguments = JSON.stringify(toolArgs);
    if (isError) item.error = { type: 'mcp_tool_execution_error', content: [{ type: 'text', text }] };
    else item.output = text;
    item.status = isError ? 'failed' : 'completed';
    this.frames.add(isError ? 'response.mcp_call.failed' : 'response.mcp_call.completed', placeOf(open));
    this.end(open);
  }

  /** Ends the open texts of a node. @param type only the message or the thinking */
  closeTexts(nodeId: string, status: ItemStatus, type?: 'message' | 'reasoning'): void {
    for (const each of openItems(this.state)) {
      if (each.nodeId !== nodeId || each.item.type === 'mcp_call') continue;
      if (type === undefined || each.item.type === type) this.close(each, status);
    }
  }

  /** Ends the open items of a node, or of all nodes, calls included. */
  closeAll(status: ItemStatus, nodeId?: string): void {
    for (const each of openItems(this.state)) {
      if (nodeId !== undefined && each.nodeId !== nodeId) continue;
      this.close(each, each.item.type === 'mcp_call' ? 'incomplete' : status);
    }
  }

  /**
   * Removes the items of a node that an event after `sequence` has added. This protocol cannot take back what a client has
   * received: an item ends as `incomplete`, and the output at the end does not have it.
   */
  drop(nodeId: string, sequence: number): void {
    const isDropped = (each: StateItem) => each.nodeId === nodeId && each.sequence > sequence;
    for (const each of openItems(this.state)) if (isDropped(each)) this.close(each, 'incomplete');
    this.state.items = this.state.items.filter((each) => !isDropped(each));
  }

  private beginMessage(event: Origin): OpenItem<MessageItem> {
    const item = newMessage(idOf('msg', event));
    const added = this.begin(event, item, undefined, { ...item, content: [] });
    this.frames.add('response.content_part.added', { ...contentOf(added), part: { ...item.content[0] } });
    return added;
  }

  private beginReasoning(event: Origin): OpenItem<ReasoningItem> {
    const item = newReasoning(idOf('rs', event));
    const added = this.begin(event, item, undefined, { ...item, summary: [] });
    this.frames.add('response.reasoning_summary_part.added', {
      ...summaryOf(added),
      part: { ...item.summary[0] },
    });
    return added;
  }

  /** @param shown the item before its first delta, as the client receives it */
  private begin<Item extends ResponseItem>(
    { sequence, nodeId }: Origin,
    item: Item,
    toolId: string | undefined,
    shown: Item,
  ): OpenItem<Item> {
    const index = this.state.nextIndex;
    this.state.nextIndex += 1;
    const added = { index, sequence, nodeId, ...(toolId !== undefined && { toolId }), item };
    this.state.items.push(added);
    this.state.open.push(index);
    this.frames.add('response.output_item.added', { output_index: index, item: shown });
    return added;
  }

  private close(open: StateItem, status: ItemStatus): void {
    const { item } = open;
    if (item.type === 'message') {
      const part = { ...item.content[0]! };
      const { text } = part;
      this.frames.add('response.output_text.done', { ...contentOf(open), text, logprobs: [] });
      this.frames.add('response.content_part.done', { ...contentOf(open), part });
    } else if (item.type === 'reasoning') {
      const part = { ...item.summary[0]! };
      this.frames.add('response.reasoning_summary_text.done', { ...summaryOf(open), text: part.text });
      this.frames.add('response.reasoning_summary_part.done', { ...summaryOf(open), part });
    }
    item.status = status;
    this.end(open);
  }

  private end(open: StateItem): void {
    this.state.open = this.state.open.filter((index) => index !== open.index);
    this.frames.add('response.output_item.done', {
      output_index: open.index,
      item: structuredClone(open.item),
    });
  }

  private openItem<Item extends MessageItem | ReasoningItem>(
    nodeId: string,
    type: Item['type'],
  ): OpenItem<Item> | undefined {
    return openItems(this.state).find(
      (each): each is OpenItem<Item> => each.nodeId === nodeId && each.item.type === type,
    );
  }
}

interface Origin {
  readonly sequence: number;
  readonly executionId: string;
  readonly nodeId: string;
}

/** An id that follows from the journal: at most one item begins with an event. */
const idOf = (prefix: string, { executionId, sequence }: Origin): string =>
  `${prefix}_${executionId}_${sequence}`;

const placeOf = ({ index, item }: StateItem) => ({ item_id: item.id, output_index: index });
const contentOf = (item: StateItem) => ({ ...placeOf(item), content_index: 0 });
const summaryOf = (item: StateItem) => ({ ...placeOf(item), summary_index: 0 });

/** Returns the result of a tool as text. Files in it become a short text. */
function textOf(result: Json): string {
  const { value } = separateFiles(result);
  return typeof value === 'string' ? value : JSON.stringify(value);
}
