/**
 * Counts how often the event loop of this process fires a timer of 1 ms until the work ends. If this process computes the
 * work itself, hardly any timer fires.
 */
export async function countTurns<T>(work: () => Promise<T>): Promise<[result: T, turns: number]> {
  let turns = 0;
  const timer = setInterval(() => (turns += 1), 1);
  try {
    const result = await work();
    return [result, turns];
  } finally {
    clearInterval(timer);
  }
}
