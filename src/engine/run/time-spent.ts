import type { ExecutionEvent } from '@cloutagent/contract';

/**
 * Computes how much of its time limit an execution has used, in ms. Not counted is the time in which it was paused, in
 * which all its running nodes waited for a person, or in which no process owned it.
 * @param events the execution's state events, in order
 * @param waitsForPerson whether nodes of a type do nothing but wait for a person
 */
export function timeSpent(
  events: readonly ExecutionEvent[],
  waitsForPerson: (nodeType: string) => boolean,
): number {
  let spentMs = 0;
  let lastAt = 0;
  let isPaused = false;
  /** The types of the running nodes, by node id. */
  const running = new Map<string, string>();
  const isWorking = () => !isPaused && (running.size === 0 || ![...running.values()].every(waitsForPerson));
  for (const event of events) {
    const at = Date.parse(event.timestamp);
    const isStart = event.type === 'execution:started';
    // The clocks of two machines can differ, so the difference may be negative.
    if (!isStart && isWorking()) spentMs += Math.max(0, at - lastAt);
    lastAt = at;
    if (isStart) {
      isPaused = false;
      running.clear();
    } else if (event.type === 'execution:paused') isPaused = true;
    else if (event.type === 'execution:resumed') isPaused = false;
    else if (event.type === 'execution:step') {
      if (event.status === 'running') running.set(event.nodeId, event.nodeType);
      else running.delete(event.nodeId);
    }
  }
  return spentMs;
}
