import type { SecretRedactor } from '../config/secret-redactor.js';

const MOST_CAUSES = 5;
const MESSAGE_MOST = 2_000;
const STACK_MOST = 8_000;

/** An error as a log line has it. */
export interface ErrorInfo {
  name: string;
  code?: string;
  message: string;
  stack?: string;
  cause?: ErrorInfo;
  /** Of an AggregateError, the first few. */
  errors?: ErrorInfo[];
}

/**
 * Reduces an error and its causes to what helps to find the fault. Other properties stay out: some libraries attach the
 * whole request, with its headers and what a user wrote.
 */
export function errorInfo(error: unknown, secrets: SecretRedactor, depth = 0): ErrorInfo {
  // Before a text is cut: what is left of a secret would not be found.
  const cut = (text: string, most: number) => secrets.text(text).slice(0, most);
  if (!(error instanceof Error)) return { name: typeof error, message: cut(messageOf(error), MESSAGE_MOST) };
  const { code } = error as { code?: unknown };
  const { errors } = error as { errors?: unknown };
  return {
    name: error.name,
    ...(typeof code === 'string' && { code }),
    message: cut(error.message, MESSAGE_MOST),
    ...(error.stack !== undefined && { stack: cut(error.stack, STACK_MOST) }),
    ...(error.cause !== undefined &&
      depth < MOST_CAUSES && { cause: errorInfo(error.cause, secrets, depth + 1) }),
    ...(Array.isArray(errors) &&
      depth < MOST_CAUSES && {
        errors: errors.slice(0, MOST_CAUSES).map((item) => errorInfo(item, secrets, depth + 1)),
      }),
  };
}

/** The same for people who read along: stacks, one after the other. */
export function errorText(info: ErrorInfo): string {
  const { name, message, stack, cause, errors = [] } = info;
  return [
    stack ?? `${name}: ${message}`,
    ...errors.map((item) => `  [error]: ${errorText(item)}`),
    ...(cause ? [`  [cause]: ${errorText(cause)}`] : []),
  ].join('\n');
}

/** The cause of an error as further arguments of a logger, which would print a missing one as text. */
export const causeOf = (error: Error | undefined): unknown[] =>
  error?.cause === undefined ? [] : [error.cause];

/** What an error says; code may throw anything. */
export function messageOf(value: unknown): string {
  if (value instanceof Error) return value.message;
  if (typeof value === 'string') return value;
  try {
    return JSON.stringify(value) ?? String(value);
  } catch {
    return Object.prototype.toString.call(value);
  }
}
