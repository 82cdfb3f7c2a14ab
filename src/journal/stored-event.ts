import { memoize } from '../common/memoize.js';
import { isUuid } from '../common/uuid.js';
import type { RecordedEvent } from '../events/recorded-event.js';
import { dataPrefix, TIMESTAMP_LENGTH } from './event-data.js';

const CHUNK = '","chunk":"';
const STEP_ID = '","stepId":"';
const NODE_ID = '","nodeId":"';
const END = '"}';
const MS = /^\.\d{3}Z$/;
const SECOND_LENGTH = '2026-01-01T00:00:00'.length;
const UUID_LENGTH = 36;
/** Length of the seconds since 1970 in base64, of these and the ms, and of an id in base64. */
const SHORT_SECOND_LENGTH = 6;
const SHORT_TIME_LENGTH = 9;
const SHORT_ID_LENGTH = 22;
const MAX_SECONDS = 2 ** 32 - 1;
/** Bytes that the short form of an event leaves out. */
const SAVED_BYTES = 132;

/** Makes SQL for the bytes of an event's data. @param stored SQL of the stored text */
export const dataBytes = (stored: string): string =>
  `(octet_length(${stored}) + CASE WHEN starts_with(${stored}, '{') THEN 0 ELSE ${SAVED_BYTES} END)`;

/** Makes SQL for the time of an event. @param stored SQL of the stored text */
export const timeOfStored = (stored: string): string => `(
  CASE WHEN starts_with(${stored}, '{') THEN substring(${stored} FROM '"timestamp":"([^"]{1,40})"')::timestamptz
    ELSE to_timestamp(
      ('x' || encode(decode(left(${stored}, ${SHORT_SECOND_LENGTH}) || '==', 'base64'), 'hex'))::bit(32)::bigint::float8
    ) + make_interval(secs => substr(${stored}, ${SHORT_SECOND_LENGTH + 1}, 3)::float8 / 1000) END)`;

/**
 * Returns an event as its row has it. The data of a chunk is mostly names, and the id of the execution, which the row has in
 * another column. So its row has a short text: the time and the id of the step in base64, the id of the node up to a quote,
 * and the chunk as it stands in JSON. All other data is stored as it is, and begins with a brace.
 */
export function toStored(executionId: string, event: RecordedEvent): RecordedEvent {
  const { type, data } = event;
  if (type !== 'execution:output' && type !== 'execution:thinking') return event;
  const prefix = dataPrefix(executionId);
  const timeEnd = prefix.length + TIMESTAMP_LENGTH;
  const chunkStart = timeEnd + CHUNK.length;
  const stepEnd = data.lastIndexOf(NODE_ID);
  const stepStart = stepEnd - UUID_LENGTH;
  const chunkEnd = stepStart - STEP_ID.length;
  const nodeId = data.slice(stepEnd + NODE_ID.length, -END.length);
  const hasForm =
    chunkStart <= chunkEnd &&
    data.startsWith(prefix) &&
    data.startsWith(CHUNK, timeEnd) &&
    data.startsWith(STEP_ID, chunkEnd) &&
    data.endsWith(END) &&
    !nodeId.includes('"');
  if (!hasForm) return event;
  const time = shortTime(data.slice(prefix.length, timeEnd));
  const stepId = shortId(data.slice(stepStart, stepEnd));
  if (time === '' || stepId === '') return event;
  return { ...event, data: `${time}${stepId}${nodeId}"${data.slice(chunkStart, chunkEnd)}` };
}

/** Returns the data of an event from the text in its row. */
export function dataOf(executionId: string, stored: string): string {
  if (stored.startsWith('{')) return stored;
  const nodeStart = SHORT_TIME_LENGTH + SHORT_ID_LENGTH;
  const nodeEnd = stored.indexOf('"', nodeStart);
  const second = wholeSecond(stored.slice(0, SHORT_SECOND_LENGTH));
  const ms = stored.slice(SHORT_SECOND_LENGTH, SHORT_TIME_LENGTH);
  const stepId = wholeId(stored.slice(SHORT_TIME_LENGTH, nodeStart));
  const nodeId = stored.slice(nodeStart, nodeEnd);
  const chunk = stored.slice(nodeEnd + 1);
  return `${dataPrefix(executionId)}${second}.${ms}Z${CHUNK}${chunk}${STEP_ID}${stepId}${NODE_ID}${nodeId}${END}`;
}

/** Returns the seconds in base64 and the ms; empty if these would not give the same time. */
function shortTime(time: string): string {
  const second = MS.test(time.slice(SECOND_LENGTH)) && shortSecond(time.slice(0, SECOND_LENGTH));
  return second ? second + time.slice(SECOND_LENGTH + 1, -1) : '';
}

// Events that follow each other mostly have the same second, and those of a step have its id.

const shortSecond = memoize((text) => {
  const seconds = Date.parse(`${text}Z`) / 1_000;
  if (!(seconds >= 0 && seconds <= MAX_SECONDS) || textOfSecond(seconds) !== text) return '';
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(seconds);
  return bytes.toString('base64').slice(0, SHORT_SECOND_LENGTH);
});
const wholeSecond = memoize((base64) => textOfSecond(Buffer.from(base64, 'base64').readUInt32BE()));
const textOfSecond = (seconds: number): string =>
  new Date(seconds * 1_000).toISOString().slice(0, SECOND_LENGTH);

const shortId = memoize((id) =>
  isUuid(id) && id === id.toLowerCase()
    ? Buffer.from(id.replaceAll('-', ''), 'hex').toString('base64').slice(0, SHORT_ID_LENGTH)
    : '',
);
const wholeId = memoize((base64) =>
  Buffer.from(base64, 'base64')
    .toString('hex')
    .replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-'),
);
