import type { ExecutionEventOf } from '@cloutagent/contract';
import type { ModelCalls } from './snapshot.js';

/** Reasons for which a model ends an answer early itself. Its provider has then reported all tokens. */
const CUT_OFF_BY_MODEL = new Set(['length', 'content-filter']);

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
    if (call.incomplete && !CUT_OFF_BY_MODEL.has(call.finishReason ?? '')) this.mayBeIncomplete = true;
  }

  /** A step that did not complete, and whose last answer is not whole, may have used tokens that no event has. */
  step({ status, incomplete, finishReason }: ExecutionEventOf<'execution:step'>): void {
    if (incomplete && status !== 'completed' && !CUT_OFF_BY_MODEL.has(finishReason ?? ''))
      this.mayBeIncomplete = true;
  }

  view(): { readonly [model: string]: ModelCalls } {
    // `fromEntries` sets own members, also one that is called `__proto__`.
    this.current ??= Object.fromEntries(this.models);
    return this.current;
  }
}
