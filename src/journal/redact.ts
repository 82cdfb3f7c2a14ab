import type { SecretRedactor } from '../config/secret-redactor.js';
import type { RecordedEvent } from '../events/recorded-event.js';
import type { RowChange } from './row-change.js';

/** Replaces secrets in events. */
export const redactEvents = (secrets: SecretRedactor, events: readonly RecordedEvent[]): RecordedEvent[] =>
  events.map((event) => {
    const data = secrets.json(event.data);
    return data === event.data ? event : { ...event, data };
  });

/** Replaces secrets in the columns that can hold some. */
export function redactChange(secrets: SecretRedactor, change: RowChange): RowChange {
  const { output, error, opens, children, rounds, toolCalls } = change;
  // Calls of tools keep the server's own secrets, which a later attempt sends again.
  const hasRounds = secrets.isExtended && (rounds ?? toolCalls) !== undefined;
  if (output === undefined && error === undefined && !opens && !children && !hasRounds) return change;
  return secrets.value(change);
}
