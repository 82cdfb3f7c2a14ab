/** Runs a callback of the caller's. What it throws is told to whoever listens for errors, and stops nothing. */
export function guard(callback: () => unknown): void {
  try {
    callback();
  } catch (error) {
    report(error);
  }
}

/** `reportError` where there is one (browsers, Deno), else the console. */
export function report(error: unknown): void {
  const { reportError } = globalThis as { reportError?: (error: unknown) => void };
  if (reportError) reportError.call(globalThis, error);
  else console.error(error);
}
