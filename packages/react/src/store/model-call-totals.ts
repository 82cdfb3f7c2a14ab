import type { ExecutionEventOf } from '@cloutagent/contract';
import { mayMissTokens } from './finish.js';
import type { ModelCalls } from './snapshot.js';

/** Adds up the calls of each model. */
export class ModelCallTotals {
  private readonly models = new Map<string, ModelCalls>();
  private current: { readonly [model: string]: ModelCalls } | undefined;

  /** Whether a call broke, so that its provider may not have reported all tokens. */
  mayBeIncomplete = false;

  add({ model, call }: ExecutionEventOf<'execution:token-usage'>): void {
    if (!call) return;
    const before = this.models.get(model);
    this.current = undefined;
    this.models.set(model, {
      calls: (before?.calls ?? 0) + 1,
      cached: {
        read: (before?.cached.read ?? 0) + (call.cached?.read ?? 0),
        written: (before?.cached.written ?? 0) + (call.cached?.written ?? 0),
      },
      reasoning: (before?.reasoning ?? 0) + (call.reasoning ?? 0),
      incomplete: (before?.incomplete ?? 0) + (call.incomplete ? 1 : 0),
    });
    if (mayMissTokens(call)) this.mayBeIncomplete = true;
  }

  /** A step that did not complete, and whose last answer is not whole, may have used tokens that no event has. */
  step(event: ExecutionEventOf<'execution:step'>): void {
    if (event.status !== 'completed' && mayMissTokens(event)) this.mayBeIncomplete = true;
  }

  view(): { readonly [model: string]: ModelCalls } {
    // `fromEntries` sets own members, also one that is called `__proto__`.
    this.current ??= Object.fromEntries(this.models);
    return this.current;
  }
}
