/** Length of a time in the data of an event. */
export const TIMESTAMP_LENGTH = '2026-01-01T00:00:00.000Z'.length;

/** Returns how the data of an event begins that `encodeEvent` made. The time follows. */
export const dataPrefix = (executionId: string): string => `{"executionId":"${executionId}","timestamp":"`;
