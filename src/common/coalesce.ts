/**
 * Makes a function whose runs never overlap. Calls during a run share one further run, which begins when that run ends.
 * The first run begins within the call.
 * @param work must be safe to run again; a failed run does not prevent the next one
 * @returns a function that resolves when a run that began at or after its call has ended, and rejects if that run failed
 */
export function coalesce(work: () => Promise<void>): () => Promise<void> {
  let isRunning = false;
  let next: PromiseWithResolvers<void> | undefined;
  const run = (): Promise<void> => {
    isRunning = true;
    // Async, so that an error that `work` throws at once rejects too.
    const running = (async () => work())();
    const onEnd = () => {
      isRunning = false;
      if (!next) return;
      const { resolve, reject } = next;
      next = undefined;
      run().then(resolve, reject);
    };
    running.then(onEnd, onEnd);
    return running;
  };
  return () => {
    if (!isRunning) return run();
    next ??= Promise.withResolvers();
    return next.promise;
  };
}
