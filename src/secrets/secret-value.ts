import { EVENT_FIELDS, Execution, FAILURE_CODES, PROBLEM_CODES, WaitOutcome } from '@cloutagent/contract';

/** Words of the protocol that can be longer than `WORD` allows. Clients and the server itself read them in events. */
const PROTOCOL: readonly string[] = [
  ...Object.keys(EVENT_FIELDS),
  ...Object.values(EVENT_FIELDS).flatMap(({ shape }) => Object.keys(shape)),
  ...Object.keys(Execution.shape),
  ...Object.keys(FAILURE_CODES),
  ...Object.keys(PROBLEM_CODES),
  ...WaitOutcome.options,
  'executionId',
  'connection:established',
];
/** The redactor leaves such a word alone, because ordinary texts contain it. */
const WORD = /^[A-Za-z]{1,15}$/;
/** Short numbers are dates, times and ids in ordinary texts. */
const NUMBER = /^(?=.*[0-9])[0-9 .:/+-]{1,15}$/;
const MIN_DISTINCT = 4;

/**
 * Explains why a text cannot be the value of a secret: the value of each secret is replaced in all that an execution
 * records, and this one would be replaced in ordinary texts. Undefined if it can be one.
 */
export function secretValueProblem(value: string): string | undefined {
  const instead = 'use a longer or random value, such as the output of: openssl rand -hex 16';
  if (WORD.test(value))
    return `is a word of at most 15 letters, which ordinary texts contain, so it cannot be redacted: ${instead}`;
  if (NUMBER.test(value))
    return `is a number of at most 15 digits, which ordinary texts contain, so it cannot be redacted: ${instead}`;
  // A JSON text has the name of a member with quotes and a colon.
  if (PROTOCOL.some((word) => word.includes(value) || value === `"${word}"` || value === `"${word}":`))
    return `is a word of the protocol, or a part of one, which events contain, so it cannot be redacted: ${instead}`;
  if (new Set(value.trim()).size < MIN_DISTINCT)
    return `has fewer than ${MIN_DISTINCT} different characters, so it cannot be redacted in ordinary texts: ${instead}`;
  return undefined;
}
