import { Injectable } from '@nestjs/common';
import type { ExecutionEvent, ExecutionEventOf } from '@cloutagent/contract';
import type {
  EventFormat,
  FormattedExecution,
  OutputFrame,
} from '../../../streaming/formats/event-format.js';
import { StreamFormat } from '../../../streaming/formats/stream-format.decorator.js';
import { answerNodes, answerText } from '../../answer-nodes.js';
import { cutBy } from '../cut-answer.js';
import { validThrough } from '../kept-sequence.js';
import { BETWEEN_ANSWERS } from '../responses/response-state.js';
import { recordOf, secondsOf, shownModel } from '../request-record.js';
import { CHAT_STREAM_CLOSED } from '../stream-closed.js';
import { answerIn, type AnswerState, type ChatState, dropText, mark } from './chat-state.js';
import { chatUsage, completionIdOf, FINISH_REASONS } from './chat-completion.js';

/** The name of the format of `POST /v1/chat/completions`. */
export const CHAT_FORMAT = 'openai-chat';

/**
 * The chunks of OpenAI's chat completions: one text. If several nodes answer, the text of one follows that of the other, in
 * the order in which they begin to answer. A client of this protocol cannot take text back: if an attempt is repeated
 * after a part of its text has been sent, the stream ends with an error.
 */
@Injectable()
@StreamFormat(CHAT_FORMAT)
export class ChatFormat implements EventFormat<ChatState> {
  readonly sendsOnlyFrames = true;

  begin(execution: FormattedExecution): ChatState {
    return {
      id: completionIdOf(execution.id),
      created: secondsOf(execution.createdAt),
      model: shownModel(execution),
      includeUsage: recordOf(execution)?.includeUsage ?? false,
      answers: answerNodes(execution.workflow),
      hasBegun: false,
      isCut: false,
      hasText: false,
      finishReason: 'stop',
      usage: { input: 0, output: 0, total: 0 },
      nodes: [],
    };
  }

  encode(event: ExecutionEvent, state: ChatState): readonly OutputFrame[] {
    if (state.isCut) return [];
    const frames: OutputFrame[] = [];
    if (!state.hasBegun) {
      state.hasBegun = true;
      frames.push(chunk(state, { role: 'assistant', content: '' }));
    }
    switch (event.type) {
      case 'execution:output':
        if (state.answers.includes(event.nodeId)) {
          addText(state, answerIn(state, event.nodeId), event.chunk);
          frames.push(...send(state));
        }
        break;
      case 'execution:tool-call':
      case 'execution:tool-result':
        if (state.answers.includes(event.nodeId)) mark(answerIn(state, event.nodeId), event.sequence);
        break;
      case 'execution:token-usage':
        state.usage = event.usage;
        if (state.answers.includes(event.nodeId)) mark(answerIn(state, event.nodeId), event.sequence);
        break;
      case 'execution:step':
        if (state.answers.includes(event.nodeId)) frames.push(...onStep(state, event));
        break;
      case 'execution:completed':
        for (const node of state.nodes) node.isDone = true;
        frames.push(...send(state), chunk(state, {}, state.finishReason));
        if (state.includeUsage)
          frames.push({ data: { ...chunkOf(state), choices: [], usage: chatUsage(state.usage) } });
        frames.push({ data: '[DONE]' });
        break;
      case 'execution:failed':
        frames.push(cut(state, event.error, event.code));
        break;
      case 'execution:cancelled':
        frames.push(cut(state, 'The execution was cancelled.', 'execution_cancelled'));
        break;
      default:
        break;
    }
    return frames;
  }

  isIdle({ isCut }: ChatState): boolean {
    return isCut;
  }

  interrupted(): readonly OutputFrame[] {
    return [errorFrame(CHAT_STREAM_CLOSED.message, CHAT_STREAM_CLOSED.code)];
  }
}

function onStep(state: ChatState, event: ExecutionEventOf<'execution:step'>): OutputFrame[] {
  const node = answerIn(state, event.nodeId);
  const through = validThrough(node, event);
  if (through !== Infinity && dropText(node, through))
    return [
      cut(
        state,
        'The model failed after a part of its answer had been sent, and is called again. Chat completions cannot take text back: ' +
          'send the request again, send it without stream, or use /v1/responses.',
        'answer_repeated',
      ),
    ];
  if (event.status !== 'completed') return [];
  const reason = cutBy(event);
  if (reason) state.finishReason = FINISH_REASONS[reason];
  if (node.length === 0) addText(state, node, answerText(event.output));
  node.isDone = true;
  return send(state);
}

function addText(state: ChatState, node: AnswerState, text: string): void {
  // It begins to answer, after all that have begun before.
  if (node.length === 0) state.nodes = [...state.nodes.filter((other) => other !== node), node];
  node.unsent += text;
  node.length += text.length;
}

/** Sends what may be sent: the text of the first node that is not done, and the whole texts before it. */
function send(state: ChatState): OutputFrame[] {
  const frames: OutputFrame[] = [];
  for (const node of inOrder(state)) {
    if (node.unsent !== '') {
      const between = state.hasText && node.sent === 0 ? BETWEEN_ANSWERS : '';
      frames.push(chunk(state, { content: between + node.unsent }));
      state.hasText = true;
      node.sent = node.length;
      node.unsent = '';
    }
    if (!node.isDone) break;
  }
  return frames;
}

/** Nodes without text do not hold the others up. */
const inOrder = ({ nodes }: ChatState): AnswerState[] => nodes.filter(({ length }) => length > 0);

const chunkOf = ({ id, created, model, includeUsage }: ChatState) => ({
  id,
  object: 'chat.completion.chunk',
  created,
  model,
  ...(includeUsage && { usage: null }),
});

const chunk = (state: ChatState, delta: object, finishReason: string | null = null): OutputFrame => ({
  data: { ...chunkOf(state), choices: [{ index: 0, delta, logprobs: null, finish_reason: finishReason }] },
});

function cut(state: ChatState, message: string, code: string): OutputFrame {
  state.isCut = true;
  return errorFrame(message, code);
}

const errorFrame = (message: string, code: string): OutputFrame => ({
  data: { error: { message, type: 'server_error', param: null, code } },
});
