import { newAttempts, type NodeAttempts } from '../kept-sequence.js';
import type { ResponseItem } from './response-items.js';

export type ResponseStatus = 'queued' | 'in_progress' | 'completed' | 'failed' | 'cancelled' | 'incomplete';

/** An item of the output, while the format may still change it. */
export interface StateItem {
  /** `output_index`. Dropped items leave gaps. */
  readonly index: number;
  /** Sequence of the event that added it. */
  readonly sequence: number;
  readonly nodeId: string;
  /** Of a call: its `toolId`. */
  readonly toolId?: string;
  readonly item: ResponseItem;
}

/** A node that has begun and has not ended. */
export interface NodeState extends NodeAttempts {
  readonly nodeId: string;
}

/** The members of a response that do not change, in the form of OpenAI. */
interface ResponseBase {
  readonly id: string;
  readonly created_at: number;
  readonly model: string;
  readonly instructions: string | null;
  readonly metadata: Readonly<Record<string, string>>;
  readonly background: boolean;
  readonly previous_response_id: string | null;
}

/** The state of the format `openai-responses`. */
export interface ResponseState {
  readonly base: ResponseBase;
  /** The nodes whose text is the answer. */
  readonly answers: readonly string[];
  status: ResponseStatus;
  completedAt: number | null;
  error: { code: string; message: string } | null;
  /** Why an answer was cut off by its model. */
  cutBy: 'max_output_tokens' | 'content_filter' | null;
  usage: { input: number; output: number; total: number; cached: number; reasoning: number } | null;
  nextIndex: number;
  /** The items that are valid so far, by index. */
  items: StateItem[];
  /** The indexes of the open items. They are few, and the items may be many. */
  open: number[];
  nodes: NodeState[];
}

const hasEnded = (status: ResponseStatus): boolean => status !== 'queued' && status !== 'in_progress';

/** Returns the response as it is now, in the form of OpenAI. It shares its items with the state. */
export function responseOf(
  state: ResponseState,
): Record<string, unknown> & { id: string; status: ResponseStatus } {
  const { base, status, completedAt, error, cutBy, usage, items } = state;
  return {
    object: 'response',
    ...base,
    status,
    completed_at: completedAt,
    error,
    incomplete_details: status === 'incomplete' && cutBy ? { reason: cutBy } : null,
    output: items.map(({ item }) => item),
    usage: usage && hasEnded(status) ? usageOf(usage) : null,
    // What the workflow decides, and no parameter of a request.
    store: true,
    tools: [],
    tool_choice: 'auto',
    parallel_tool_calls: true,
    temperature: null,
    top_p: null,
    max_output_tokens: null,
    reasoning: { effort: null, summary: null },
    text: { format: { type: 'text' } },
    truncation: 'disabled',
  };
}

const usageOf = ({ input, output, total, cached, reasoning }: NonNullable<ResponseState['usage']>) => ({
  input_tokens: input,
  input_tokens_details: { cached_tokens: cached },
  output_tokens: output,
  output_tokens_details: { reasoning_tokens: reasoning },
  total_tokens: total,
});

/** Between the texts of two answering nodes, where they are one text. */
export const BETWEEN_ANSWERS = '\n\n';

/** Returns the valid text of the answer: that of each answering node, in the order in which they began to answer. */
export function answerOf({ items }: ResponseState): string {
  const texts = new Map<string, string>();
  for (const { nodeId, item } of items)
    if (item.type === 'message') texts.set(nodeId, (texts.get(nodeId) ?? '') + item.content[0]!.text);
  return [...texts.values()].join(BETWEEN_ANSWERS);
}

/** Returns the open items, in the order in which they began. */
export function openItems({ items, open }: ResponseState): StateItem[] {
  return open.map((index) => {
    // An item has its index as its place, less the dropped items before it.
    let place = Math.min(index, items.length - 1);
    while (items[place]!.index !== index) place -= 1;
    return items[place]!;
  });
}

/** Returns the node's state, and adds it if the node has just begun. */
export function nodeIn(state: Pick<ResponseState, 'nodes'>, nodeId: string): NodeState {
  const known = state.nodes.find((node) => node.nodeId === nodeId);
  if (known) return known;
  const node = { nodeId, ...newAttempts() };
  state.nodes.push(node);
  return node;
}
