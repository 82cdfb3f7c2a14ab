import type { SecretRedactor } from '../config/secret-redactor.js';

const MAX_CAUSES = 5;
const MAX_MESSAGE_LENGTH = 2_000;
const MAX_STACK_LENGTH = 8_000;

/** An error in the form in which it is logged. */
export interface ErrorInfo {
  name: string;
  code?: string;
  message: string;
  stack?: string;
  cause?: ErrorInfo;
  /** The first 5 errors of an AggregateError. */
  errors?: ErrorInfo[];
}

/**
 * Reduces an error and its causes to the properties that help to find the fault. Other properties are left out, because
 * some libraries attach the whole request, with its headers and the user's input.
 */
export function errorInfo(error: unknown, secrets: Pick<SecretRedactor, 'text'>, depth = 0): ErrorInfo {
  try {
    return propertiesOf(error, secrets, depth);
  } catch {
    // Code of modules may throw anything, such as an error with a getter that throws.
    return { name: typeof error, message: secrets.text(messageOf(error)).slice(0, MAX_MESSAGE_LENGTH) };
  }
}

function propertiesOf(error: unknown, secrets: Pick<SecretRedactor, 'text'>, depth: number): ErrorInfo {
  // Secrets are redacted before a text is truncated, because a part of a secret would not be recognised.
  const truncate = (text: string, max: number) => secrets.text(text).slice(0, max);
  if (!(error instanceof Error))
    return { name: typeof error, message: truncate(messageOf(error), MAX_MESSAGE_LENGTH) };
  const { code } = error as { code?: unknown };
  const { errors } = error as { errors?: unknown };
  return {
    name: typeof error.name === 'string' ? error.name : 'Error',
    ...(typeof code === 'string' && { code }),
    message: truncate(messageOf(error), MAX_MESSAGE_LENGTH),
    ...(typeof error.stack === 'string' && { stack: truncate(error.stack, MAX_STACK_LENGTH) }),
    ...(error.cause !== undefined &&
      depth < MAX_CAUSES && { cause: errorInfo(error.cause, secrets, depth + 1) }),
    ...(Array.isArray(errors) &&
      depth < MAX_CAUSES && {
        errors: errors.slice(0, MAX_CAUSES).map((item) => errorInfo(item, secrets, depth + 1)),
      }),
  };
}

/** Formats an error for text logs: its stack, followed by the stacks of its errors and causes. */
export function errorText(info: ErrorInfo): string {
  const { name, message, stack, cause, errors = [] } = info;
  return [
    stack ?? `${name}: ${message}`,
    ...errors.map((item) => `  [error]: ${errorText(item)}`),
    ...(cause ? [`  [cause]: ${errorText(cause)}`] : []),
  ].join('\n');
}

/**
 * Returns the cause of an error as further arguments for a logger. Empty if it has none: a logger would print
 * `undefined`.
 */
export const causeOf = (error: Error | undefined): unknown[] =>
  error?.cause === undefined ? [] : [error.cause];

/** Returns the message of a thrown value, which may be of any type, and never throws: code of modules threw the value. */
export function messageOf(value: unknown): string {
  try {
    if (value instanceof Error && typeof value.message === 'string') return value.message;
    if (typeof value === 'string') return value;
    return JSON.stringify(value) ?? String(value);
  } catch {
    return `a value of type ${typeof value} that has no text`;
  }
}

/** Returns a thrown value as it is, or a text in place of one that cannot be read, such as a revoked proxy, or that a logger would call. */
export function readable(value: unknown): unknown {
  try {
    if (typeof value === 'function') return messageOf(value);
    if (value instanceof Error) return typeof value.message === 'string' ? value : messageOf(value);
    // Reads all members.
    if (typeof value === 'object' && value !== null) Object.values(value);
    return value;
  } catch {
    return messageOf(value);
  }
}
