import type { EventType } from '@cloutagent/contract';
import { parseEvent } from '../events/event-bus.js';
import type { RecordedEvent } from '../events/recorded-event.js';

/** How a webhook wants its requests. */
export interface MessageFormat {
  readonly payload: 'thin' | 'full';
  readonly cloudEvents: boolean;
}

/** The execution of an event, as far as a message names it. */
export interface MessageSource {
  readonly executionId: string;
  readonly projectId: string;
  readonly workflowName: string | null;
  readonly workflowVersion: number | null;
}

/** A request of a webhook without what changes with each attempt. */
export interface Message {
  /** `webhook-id`: the same for all attempts with an event. */
  readonly id: string;
  readonly body: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** Returns the id of the message of an event, `<execution id>:<sequence>`. */
export const messageIdOf = (executionId: string, sequence: number): string => `${executionId}:${sequence}`;

/** Returns the name of an event type in the form of Standard Webhooks, for example `execution.token_usage`. */
export const messageTypeOf = (type: EventType): string => type.replaceAll(':', '.').replaceAll('-', '_');

/** Makes the message of an event. The same arguments always give the same message. */
export function messageOf(recorded: RecordedEvent, source: MessageSource, format: MessageFormat): Message {
  const event = parseEvent(recorded);
  const { executionId, projectId, workflowName, workflowVersion } = source;
  const id = messageIdOf(executionId, event.sequence);
  const type = messageTypeOf(event.type);
  const data =
    format.payload === 'thin'
      ? { executionId, sequence: event.sequence, projectId }
      : {
          ...event,
          projectId,
          workflow: workflowName === null ? null : { name: workflowName, version: workflowVersion },
        };
  const nodeId = 'nodeId' in event && typeof event.nodeId === 'string' ? event.nodeId : undefined;
  return {
    id,
    body: JSON.stringify({ type, timestamp: event.timestamp, data }),
    headers: {
      'content-type': 'application/json',
      'user-agent': 'CloutAgent-Webhooks',
      'webhook-id': id,
      ...(format.cloudEvents && {
        'ce-specversion': '1.0',
        'ce-id': id,
        'ce-source': `/api/executions/${executionId}`,
        'ce-type': type,
        'ce-time': headerText(event.timestamp),
        ...(nodeId !== undefined && { 'ce-subject': headerText(nodeId) }),
      }),
    },
  };
}

/**
 * Percent-encodes the value of a CloudEvents header (HTTP protocol binding, section 3.1.3.2): spaces, quotation marks, percent
 * signs, and everything that is not visible ASCII.
 */
export const headerText = (text: string): string =>
  text
    .toWellFormed()
    .replace(/[^\x21\x23\x24\x26-\x7e]+/gu, (part) =>
      [...Buffer.from(part)].map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`).join(''),
    );
