import type { Json } from '@cloutagent/contract';
import { NodeError, type NodeEvent, TransientError } from '../extension/node-handler.js';
import type { InterceptedStep, StepFailure } from '../extension/step-hooks.js';
import {
  type Hook,
  type HookName,
  InterceptorFailedError,
  type StepInterceptors,
} from '../extension/step-interceptors.js';
import type { ToolCall, ToolHooks, ToolResult } from '../extension/tool-hooks.js';
import { toFailure } from './execution-failure.js';

/** Passes what goes into a step and what comes out of it through the interceptors. */
export class StepInterception {
  /** The hooks around calls of tools; undefined if no interceptor has one. */
  readonly tools: ToolHooks | undefined;

  constructor(
    private readonly interceptors: StepInterceptors,
    readonly step: InterceptedStep,
    /** Called with the error of an interceptor that the node's code could catch, but that must fail the step. */
    private readonly onFailure: (error: NodeError) => void,
  ) {
    const has = interceptors.of('beforeToolCall').length + interceptors.of('afterToolCall').length > 0;
    this.tools = has
      ? {
          before: (call) => this.failing(this.beforeToolCall(call)),
          after: (call, result) => this.failing(this.afterToolCall(call, result)),
        }
      : undefined;
  }

  /** Whether an interceptor has this method. */
  has(name: HookName): boolean {
    return this.interceptors.of(name).length > 0;
  }

  async config(config: unknown): Promise<unknown> {
    return this.through('config', config, (hook, value) =>
      hook.call(this.step, value as Record<string, unknown>),
    );
  }

  /** @param output belongs to the caller; interceptors may change it */
  async output(output: Json): Promise<Json> {
    return this.through('output', output, (hook, value) => hook.call(this.step, value));
  }

  /**
   * Returns the event to record, or null.
   * @param event belongs to the caller; interceptors may change it
   * @param check throws if an event is not valid
   */
  event(event: NodeEvent, check: (event: NodeEvent) => void): NodeEvent | null {
    let current = event;
    for (const hook of this.interceptors.of('event')) {
      try {
        const changed = this.interceptors.callNow(hook, () => hook.call(this.step, current));
        if (changed === null) return null;
        current = changed;
        this.interceptors.callNow(hook, () => checkChanged(changed, check));
      } catch (error) {
        this.onFailure(error as NodeError);
        throw error;
      }
    }
    return current;
  }

  /** Makes the error that is recorded of an error of the step. */
  async error(error: unknown): Promise<unknown> {
    const original = toFailure(error);
    let current: StepFailure = { code: original.code, message: original.message };
    try {
      for (const hook of this.interceptors.of('onError')) {
        const given = { ...current };
        current = await this.interceptors.call(hook, () => hook.call(this.step, given));
        if (typeof current?.code !== 'string' || typeof current.message !== 'string')
          throw this.interceptors.toFailure(hook, new Error('onError must return { code, message }'));
      }
    } catch (failure) {
      // The interceptor's error is logged already; the line of the failed step shows the original one.
      if (failure instanceof InterceptorFailedError) failure.cause = error;
      return failure;
    }
    const { code, message } = current;
    if (code === original.code && message === original.message) return error;
    return error instanceof TransientError
      ? new TransientError(code, message, error.retryAfterMs, { cause: error })
      : new NodeError(code, message, { cause: error });
  }

  private async beforeToolCall(call: ToolCall): ReturnType<ToolHooks['before']> {
    let args = copyOf(call.args);
    try {
      args = await this.through('beforeToolCall', args, (hook, value) =>
        hook.call(this.step, { ...call, args: value }),
      );
      return { args };
    } catch (error) {
      const isRefusal = error instanceof NodeError && !(error instanceof TransientError);
      if (!isRefusal || error instanceof InterceptorFailedError) throw error;
      return { args, refusal: error.message };
    }
  }

  private async afterToolCall(call: ToolCall, result: ToolResult): Promise<ToolResult> {
    return this.through('afterToolCall', { ...result, result: copyOf(result.result) }, (hook, value) =>
      hook.call(this.step, call, value),
    );
  }

  /** Calls the methods of one name, each with what the one before it returned. */
  private async through<Name extends HookName, Value>(
    name: Name,
    value: Value,
    call: (hook: Hook<Name>, value: Value) => unknown,
  ): Promise<Value> {
    const { signal } = this.step;
    let current = value;
    for (const hook of this.interceptors.of(name)) {
      const given = current;
      const changed = await this.interceptors.call(hook, () => call(hook, given), signal);
      signal.throwIfAborted();
      this.interceptors.callNow(hook, () => checkJson(name, changed));
      current = changed as Value;
    }
    return current;
  }

  /** Fails the step if an interceptor fails, also if the code of the node catches the error. */
  private async failing<T>(work: Promise<T>): Promise<T> {
    try {
      return await work;
    } catch (error) {
      if (error instanceof NodeError) this.onFailure(error);
      throw error;
    }
  }
}

const copyOf = (value: Json): Json => JSON.parse(JSON.stringify(value) ?? 'null') as Json;

/** @throws Error for what JSON cannot express, such as a missing return value, a cycle, or a promise of a promise */
function checkJson(name: HookName, value: unknown): void {
  const isToolResult = name === 'afterToolCall';
  const part = isToolResult ? (value as Partial<ToolResult> | null)?.result : value;
  const json = JSON.stringify(part);
  if (json === undefined)
    throw new Error(
      `${name}() returned ${isToolResult ? 'no { result, isError }' : 'no JSON value'}: return the value to use, changed or not`,
    );
}

function checkChanged(event: unknown, check: (event: NodeEvent) => void): void {
  if (typeof event !== 'object' || event instanceof Promise)
    throw new Error('event() must return the event to record, or null; it cannot be asynchronous');
  try {
    check(event as NodeEvent);
  } catch (error) {
    throw new Error('event() returned an event that is not valid', { cause: error });
  }
}
