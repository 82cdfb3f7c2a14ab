/** Finds the code of an error, or of the first of its causes that has one. */
export function codeOf(error: unknown): string {
  let current: unknown = error;
  for (let depth = 0; typeof current === 'object' && current !== null && depth < 5; depth++) {
    const { code, cause, errors } = current as { code?: unknown; cause?: unknown; errors?: unknown[] };
    if (typeof code === 'string') return code;
    // An AggregateError has one error for each address that was tried.
    current = errors?.[0] ?? cause;
  }
  return 'no code';
}
