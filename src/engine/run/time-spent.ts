import { applyEvent, type ExecutionEvent, type ExecutionState, initialState } from '@cloutagent/contract';

/** Whether time counts that passes while no step runs: child executions work for their parent. */
const waitsForChildren = ({ status, waits }: ExecutionState): boolean =>
  status === 'waiting' && waits.some(({ kind }) => kind === 'children');

/**
 * Computes how much of its time limit an execution has used, in ms. Not counted is the time in which it was paused, in which
 * it waited for anything but child executions, or in which no process owned it although a step was to run.
 * @param events the execution's state events, in order
 * @param now ms since 1970; the present time counts if the execution waits for children
 */
export function timeSpent(events: readonly ExecutionEvent[], now = Date.now()): number {
  const state = initialState();
  let spentMs = 0;
  let lastAt = 0;
  // The clocks of two machines can differ, so a difference may be negative.
  const count = (at: number) => (spentMs += Math.max(0, at - lastAt));
  for (const event of events) {
    const at = Date.parse(event.timestamp);
    const isWorking = state.status === 'running' && event.type !== 'execution:started';
    if (isWorking || waitsForChildren(state)) count(at);
    lastAt = at;
    applyEvent(state, event);
  }
  if (waitsForChildren(state)) count(now);
  return spentMs;
}
