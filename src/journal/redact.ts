import type { SecretRedactor } from '../config/secret-redactor.js';
import type { RecordedEvent } from '../events/recorded-event.js';
import type { RowChange } from './row-change.js';

/** Replaces the server's secrets in events. */
export const redactEvents = (secrets: SecretRedactor, events: readonly RecordedEvent[]): RecordedEvent[] =>
  events.map((event) => {
    const data = secrets.json(event.data);
    return data === event.data ? event : { ...event, data };
  });

/** Replaces the server's secrets in the columns that can hold some. */
export function redactChange(secrets: SecretRedactor, change: RowChange): RowChange {
  const { output, error, opens, children } = change;
  if (output === undefined && error === undefined && !opens && !children) return change;
  const json = JSON.stringify(change);
  const redacted = secrets.json(json);
  return redacted === json ? change : (JSON.parse(redacted) as RowChange);
}
