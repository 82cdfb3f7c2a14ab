/**
 * Waits for a promise, but no longer than a limit. The work that the promise stands for continues.
 * @param error makes the error that is thrown when the limit is reached
 */
export async function withTimeLimit<T>(promise: Promise<T>, limitMs: number, error: () => Error): Promise<T> {
  const limit = Promise.withResolvers<never>();
  const timer = setTimeout(() => limit.reject(error()), limitMs);
  try {
    return await Promise.race([promise, limit.promise]);
  } finally {
    clearTimeout(timer);
  }
}
