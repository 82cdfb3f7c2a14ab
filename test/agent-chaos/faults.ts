/** Where a fault is injected. `tool`: the endpoint has the call and holds its answer. The others are points of a model call. */
export type Point = 'request' | 'headers' | 'thinking' | 'text' | 'arguments' | 'last' | 'tool';
/** The points of a model call, in their order. */
export const MODEL_POINTS = ['request', 'headers', 'thinking', 'text', 'arguments', 'last'] as const;

/**
 * What happens there. The provider makes `reset`, `end` (the response ends too early), `error` (an error event), `overloaded` (529),
 * `unavailable` (503 with Retry-After) and `idle` (it sends no more). At a tool, `idle` lasts longer than the time limit of the
 * node. With `hold` the answer waits until the test releases it; the test itself makes the fault meanwhile, such as a kill.
 */
export type Kind = 'reset' | 'end' | 'error' | 'overloaded' | 'unavailable' | 'idle' | 'hold';

export interface Fault {
  /** Of the model call, or of the answer that has the call of a tool; counted from 1. */
  round: number;
  point: Point;
  kind: Kind;
  /** At a tool: the index of the call. */
  index?: number;
}

/** The faults of all cases. Each one happens once. The faults of a case happen in their order. */
export class FaultController {
  private readonly pending = new Map<string, Fault[]>();
  private readonly happened = new Map<string, Fault[]>();
  private readonly holds = new Map<string, PromiseWithResolvers<void>>();
  private waiters: (() => void)[] = [];

  plan(caseId: string, faults: readonly Fault[]): void {
    this.pending.set(caseId, [...faults]);
  }

  /** Returns the fault that happens now, if one is planned for this place. */
  take(caseId: string, round: number, point: Point, index?: number): Fault | undefined {
    const [next] = this.pending.get(caseId) ?? [];
    if (!next || next.round !== round || next.point !== point || next.index !== index) return undefined;
    this.pending.get(caseId)!.shift();
    this.happened.set(caseId, [...(this.happened.get(caseId) ?? []), next]);
    return next;
  }

  /** Returns the faults that have happened. */
  of(caseId: string): readonly Fault[] {
    return this.happened.get(caseId) ?? [];
  }

  /** Waits at a place with the kind `hold` until `release` is called. */
  async hold(caseId: string): Promise<void> {
    const released = Promise.withResolvers<void>();
    this.holds.set(caseId, released);
    for (const notify of this.waiters.splice(0)) notify();
    await released.promise;
  }

  release(caseId: string): void {
    this.holds.get(caseId)?.resolve();
    this.holds.delete(caseId);
  }

  /** Waits until all these cases are held. @throws Error when the time is up first */
  async allHeld(caseIds: readonly string[], timeoutMs = 60_000): Promise<void> {
    const deadline = Date.now() + timeoutMs;
    for (;;) {
      const missing = caseIds.filter((id) => !this.holds.has(id));
      if (missing.length === 0) return;
      if (Date.now() > deadline)
        throw new Error(`These cases did not get to their fault in ${timeoutMs} ms: ${missing.join(', ')}`);
      const { promise, resolve } = Promise.withResolvers<void>();
      this.waiters.push(resolve);
      const timer = setTimeout(resolve, 200);
      await promise;
      clearTimeout(timer);
    }
  }
}

/** Whether a fault breaks a model call (and not a call of a tool). */
export const isOfModel = ({ point }: Fault): boolean => point !== 'tool';
export const shown = ({ round, point, kind, index }: Fault): string =>
  `${kind} at ${point}${index === undefined ? '' : ` ${index}`} of round ${round}`;
