/** Runs a callback of the application. An error that it throws is reported and does not stop the stream. */
export function guard(callback: () => unknown): void {
  try {
    callback();
  } catch (error) {
    report(error);
  }
}

/** Reports an error to `reportError` if it exists (browsers, Deno), otherwise to the console. */
export function report(error: unknown): void {
  const { reportError } = globalThis as { reportError?: (error: unknown) => void };
  if (reportError) reportError.call(globalThis, error);
  else console.error(error);
}
