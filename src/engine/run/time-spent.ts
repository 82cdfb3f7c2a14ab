import type { ExecutionEvent } from '@cloutagent/contract';

/**
 * How long an execution has worked, in ms, as its events tell: not while it was paused, while all that was
 * under way waited for a person, or while nobody ran it.
 * @param events its milestones, in order
 * @param waits whether nodes of a type only wait for a person
 */
export function timeSpent(events: readonly ExecutionEvent[], waits: (nodeType: string) => boolean): number {
  let spent = 0;
  let last = 0;
  let paused = false;
  const open = new Map<string, string>();
  const works = () => !paused && (open.size === 0 || ![...open.values()].every(waits));
  for (const event of events) {
    const at = Date.parse(event.timestamp);
    const begins = event.type === 'execution:started';
    // A negative difference is the clock of another machine.
    if (!begins && works()) spent += Math.max(0, at - last);
    last = at;
    if (begins) {
      paused = false;
      open.clear();
    } else if (event.type === 'execution:paused') paused = true;
    else if (event.type === 'execution:resumed') paused = false;
    else if (event.type === 'execution:step') {
      if (event.status === 'running') open.set(event.nodeId, event.nodeType);
      else open.delete(event.nodeId);
    }
  }
  return spent;
}
