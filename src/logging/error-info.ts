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
export function errorInfo(error: unknown, depth = 0): ErrorInfo {
  if (!(error instanceof Error)) return { name: typeof error, message: textOf(error).slice(0, MESSAGE_MOST) };
  const { code } = error as { code?: unknown };
  const { errors } = error as { errors?: unknown };
  return {
    name: error.name,
    ...(typeof code === 'string' && { code }),
    message: error.message.slice(0, MESSAGE_MOST),
    ...(error.stack !== undefined && { stack: error.stack.slice(0, STACK_MOST) }),
    ...(error.cause !== undefined && depth < MOST_CAUSES && { cause: errorInfo(error.cause, depth + 1) }),
    ...(Array.isArray(errors) &&
      depth < MOST_CAUSES && {
        errors: errors.slice(0, MOST_CAUSES).map((item) => errorInfo(item, depth + 1)),
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

function textOf(value: unknown): string {
  if (typeof value === 'string') return value;
  try {
    return JSON.stringify(value) ?? String(value);
  } catch {
    return Object.prototype.toString.call(value);
  }
}
