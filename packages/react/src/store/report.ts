/** Reports an error as an uncaught one, without interrupting the caller. */
export function report(error: unknown): void {
  if (typeof reportError === 'function') reportError(error);
  else
    setTimeout(() => {
      throw error;
    });
}
