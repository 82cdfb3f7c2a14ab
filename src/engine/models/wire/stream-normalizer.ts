import type { JsonObject } from './json-object.js';

/** The protocol in which a provider streams its answer. */
export type WireFormat = 'anthropic' | 'openai-chat' | 'openai-responses' | 'google' | 'mistral' | 'other';

/** One event of a provider's stream. */
export interface ProviderEvent {
  /** The text after `data:`. */
  readonly data: string;
  /** The text after `event:`. */
  readonly name: string | undefined;
  /** Whether `data` cannot be passed on as it is, because it is not valid JSON, or because it is a part of a list. */
  readonly isRepaired: boolean;
}

/** Where a normalizer writes the events that the AI SDK reads. */
export interface EventSink {
  /** Passes an event on as it came. */
  pass(event: ProviderEvent, value: unknown): void;
  /** Writes an event that replaces another one, or that the provider has left out. */
  send(value: JsonObject): void;
}

/**
 * Turns the events of one stream into events that the strict schemas of the AI SDK accept. What is not known and does no harm
 * is dropped, what can be repaired is repaired, and all other events are passed on as they came. An error that a provider
 * reports is always passed on.
 */
export interface StreamNormalizer {
  /** Whether the provider has said that its answer is complete. What follows is not read. */
  readonly isComplete: boolean;
  /** Takes an event whose data is JSON. */
  take(value: unknown, event: ProviderEvent, sink: EventSink): void;
  /** Takes an event whose data is not JSON, and passes it on: the AI SDK makes an error of it. */
  takeUnreadable(event: ProviderEvent, sink: EventSink): void;
  /** Takes `[DONE]`, which ends the streams of OpenAI. */
  done(sink: EventSink): void;
  /** Adds what the provider has left out, after the stream has ended. */
  end(sink: EventSink): void;
}

/** Members that only errors have, in events whose shape is not known. */
const ERROR_MEMBERS = ['error', 'errors', 'message', 'msg', 'detail', 'error_message', 'status_msg', 'title'];

/** Whether an event that does not belong to the protocol says that the call has failed. */
export const saysError = (value: JsonObject, event: ProviderEvent): boolean =>
  event.name === 'error' || ERROR_MEMBERS.some((name) => isGiven(value[name]));

/** Servers send empty errors with events that are in order. */
export const isGiven = (error: unknown): boolean =>
  error !== undefined && error !== null && error !== false && error !== '';
