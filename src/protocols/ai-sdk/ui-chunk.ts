import type { Json } from '@cloutagent/contract';
import type { MessageMetadata } from './message-metadata.js';

/** `start`: the message begins, or continues after the client has answered. */
interface MessageStart {
  type: 'start';
  messageId: string;
  messageMetadata: MessageMetadata;
}

interface MessageFinish {
  type: 'finish';
  finishReason: string;
  messageMetadata?: MessageMetadata;
}

/** The chunks of the AI SDK's UI message stream that the format sends (npm:ai 7, `uiMessageChunkSchema`). */
export type UiChunk =
  | MessageStart
  | MessageFinish
  | { type: 'message-metadata'; messageMetadata: MessageMetadata }
  | { type: 'start-step' | 'finish-step' | 'reset-step' }
  | { type: 'error'; errorText: string }
  | { type: 'abort'; reason?: string }
  | { type: 'text-start' | 'text-end' | 'reasoning-start' | 'reasoning-end'; id: string }
  | { type: 'text-delta' | 'reasoning-delta'; id: string; delta: string }
  | {
      type: 'tool-input-available';
      toolCallId: string;
      toolName: string;
      input: Json;
      dynamic: true;
      title?: string;
      toolMetadata: { [name: string]: Json };
    }
  | { type: 'tool-output-available'; toolCallId: string; output: Json; dynamic: true }
  | { type: 'tool-output-error'; toolCallId: string; errorText: string; dynamic: true }
  | { type: 'tool-output-denied'; toolCallId: string }
  | { type: 'tool-approval-request'; approvalId: string; toolCallId: string; reason?: string }
  | { type: 'tool-approval-response'; approvalId: string; approved: boolean; reason?: string }
  | { type: 'data-node'; id: string; data: object }
  | { type: 'data-custom'; data: object; transient: true };

/** Collects the chunks of one event. */
export type Send = (chunk: UiChunk) => void;
