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
import { recordOf, secondsOf, shownModel } from '../request-record.js';
import { responseIdOf } from '../response-id.js';
import { EventFrames } from '../sequence-number.js';
import { STREAM_CLOSED } from '../stream-closed.js';
import { ItemWriter } from './item-writer.js';
import { nodeIn, responseOf, type ResponseState } from './response-state.js';

/** The name of the format of `POST /v1/responses`. */
export const RESPONSES_FORMAT = 'openai-responses';

/**
 * The events of OpenAI's Responses API. Each text of an answering node is a message, the thinking of every node is a reasoning
 * item, and each call of a tool is an `mcp_call`. Other nodes show no text, because clients join the texts of all messages.
 */
@Injectable()
@StreamFormat(RESPONSES_FORMAT)
export class ResponsesFormat implements EventFormat<ResponseState> {
  readonly sendsOnlyFrames = true;

  begin(execution: FormattedExecution): ResponseState {
    const record = recordOf(execution);
    return {
      base: {
        id: responseIdOf(execution.id),
        created_at: secondsOf(execution.createdAt),
        model: shownModel(execution),
        instructions: record?.instructions ?? null,
        metadata: record?.metadata ?? {},
        background: record?.background ?? false,
        previous_response_id: record?.previousResponseId ?? null,
      },
      answers: answerNodes(execution.workflow),
      status: 'queued',
      completedAt: null,
      error: null,
      cutBy: null,
      usage: null,
      nextIndex: 0,
      items: [],
      open: [],
      nodes: [],
    };
  }

  encode(event: ExecutionEvent, state: ResponseState): readonly OutputFrame[] {
    const frames = new EventFrames(event.sequence);
    if (state.status === 'queued') {
      state.status = 'in_progress';
      frames.add('response.created', { response: responseOf(state) });
      frames.add('response.in_progress', { response: responseOf(state) });
    }
    const items = new ItemWriter(state, frames);
    switch (event.type) {
      case 'execution:output':
        if (state.answers.includes(event.nodeId)) items.addText(event);
        break;
      case 'execution:thinking':
        items.addThinking(event);
        break;
      case 'execution:tool-call':
        items.beginCall(event);
        break;
      case 'execution:tool-result':
        items.endCall(event);
        break;
      case 'execution:token-usage':
        addUsage(state, event);
        // It ends an answer of the model. What a later attempt drops begins with a new item.
        items.closeTexts(event.nodeId, event.call?.incomplete ? 'incomplete' : 'completed');
        break;
      case 'execution:step':
        onStep(state, items, event);
        break;
      case 'execution:completed':
        items.closeAll('completed');
        end(state, frames, event, state.cutBy ? 'incomplete' : 'completed');
        break;
      case 'execution:failed':
        items.closeAll('incomplete');
        state.error = { code: event.code, message: event.error };
        end(state, frames, event, 'failed');
        break;
      case 'execution:cancelled':
        items.closeAll('incomplete');
        end(state, frames, event, 'cancelled');
        break;
      default:
        break;
    }
    return frames.all;
  }

  interrupted(): readonly OutputFrame[] {
    return [{ event: 'error', data: { type: 'error', ...STREAM_CLOSED, param: null } }];
  }
}

function onStep(state: ResponseState, items: ItemWriter, event: ExecutionEventOf<'execution:step'>): void {
  const { nodeId, status } = event;
  const through = validThrough(nodeIn(state, nodeId), event);
  if (through !== Infinity) items.drop(nodeId, through);
  switch (status) {
    case 'completed':
      items.closeAll('completed', nodeId);
      if (state.answers.includes(nodeId)) {
        state.cutBy ??= cutBy(event);
        const hasText = state.items.some((each) => each.nodeId === nodeId && each.item.type === 'message');
        const text = hasText ? '' : answerText(event.output);
        if (text !== '') items.addMessage(event, text);
      }
      break;
    case 'failed':
    case 'cancelled':
    case 'skipped':
      items.closeAll('incomplete', nodeId);
      break;
    case 'retrying':
      // Results of kept calls may come in a later step.
      items.closeTexts(nodeId, 'incomplete');
      return;
    default:
      return;
  }
  state.nodes = state.nodes.filter((node) => node.nodeId !== nodeId);
}

function addUsage(
  state: ResponseState,
  { usage: { input, output, total }, call }: ExecutionEventOf<'execution:token-usage'>,
): void {
  const { cached = 0, reasoning = 0 } = state.usage ?? {};
  state.usage = {
    input,
    output,
    total,
    cached: cached + (call?.cached?.read ?? 0),
    reasoning: reasoning + (call?.reasoning ?? 0),
  };
}

/** The Node SDK knows no event for a cancelled response, so it ends as `response.incomplete` with the status `cancelled`. */
function end(
  state: ResponseState,
  frames: EventFrames,
  { timestamp }: ExecutionEvent,
  status: 'completed' | 'incomplete' | 'failed' | 'cancelled',
): void {
  state.status = status;
  if (status === 'completed') state.completedAt = secondsOf(timestamp);
  const type = status === 'cancelled' ? 'incomplete' : status;
  frames.add(`response.${type}`, { response: responseOf(state) });
}
