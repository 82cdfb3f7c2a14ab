import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';
import { withTimeLimit } from '../../common/time-limit.js';
import { Settings } from '../../config/settings.js';
import { type DiscoveredClass, ExtensionDiscovery } from '../../discovery/extension-discovery.js';
import { inContext } from '../../logging/work-context.js';
import { BlockedLoopMonitor } from '../../monitoring/blocked-loop-monitor.js';
import { codeMembers, type ExtensionCode, nameOf } from '../../monitoring/extension-code.js';
import { NodeError } from './node-handler.js';
import { deepFreeze } from '../../common/deep-freeze.js';
import { readable } from '../../logging/error-info.js';
import { Logger } from '../../logging/logger.js';
import type { StepHooks, ValidationFailure } from './step-hooks.js';
import { StepInterceptorMetadata, type StepInterceptorOptions } from './step-interceptor.decorator.js';

export type HookName = keyof StepHooks;

/** One method of an interceptor. */
export interface Hook<Name extends HookName> {
  readonly code: ExtensionCode;
  readonly call: NonNullable<StepHooks[Name]>;
}

type Hooks = { readonly [Name in HookName]: readonly Hook<Name>[] };

/** The methods, and whether they nest outwards: the first interceptor is called last. */
const HOOKS = {
  beforeExecution: false,
  afterExecution: true,
  config: false,
  event: true,
  output: true,
  beforeToolCall: false,
  afterToolCall: true,
  onError: true,
  onValidationFailure: false,
} satisfies Record<HookName, boolean>;

/** An interceptor failed, and so does the step. The log has the error; the message must not repeat it. */
export class InterceptorFailedError extends NodeError {
  override readonly name = 'InterceptorFailedError';

  constructor(hook: ExtensionCode, options?: ErrorOptions) {
    const code = 'interceptor_failed';
    super(code, `The interceptor ${nameOf(hook)} failed. The server log has its error.`, options);
  }
}

/** Finds the interceptors of all modules and calls their methods. */
@Injectable()
export class StepInterceptors implements OnModuleInit {
  private readonly logger = new Logger(StepInterceptors.name);
  private hooks: Partial<Hooks> = {};
  /** Whether there is any interceptor. Without one, the engine takes the short way. */
  exist = false;

  constructor(
    private readonly discovery: ExtensionDiscovery,
    private readonly monitor: BlockedLoopMonitor,
    @Inject(Settings) private readonly settings: Pick<Settings, 'EXTENSION_TIMEOUT_MS'>,
  ) {}

  /** @throws Error if a class with the decorator has no method of `StepHooks`, or an order that is no number */
  onModuleInit(): void {
    const found = this.discovery.classesWith(StepInterceptorMetadata);
    for (const each of found) checkInterceptor(each);
    const sorted = found.toSorted((one, other) => (one.value.order ?? 0) - (other.value.order ?? 0));
    this.exist = sorted.length > 0;
    this.hooks = Object.fromEntries(
      Object.entries(HOOKS).map(([name, isOutward]) => {
        const hooks = sorted.flatMap((each) => bind(each, name as HookName));
        return [name, isOutward ? hooks.toReversed() : hooks];
      }),
    );
  }

  /** Lists the methods of this name, in the order in which they are called. */
  of<Name extends HookName>(name: Name): readonly Hook<Name>[] {
    return this.hooks[name] ?? [];
  }

  /**
   * Calls a method and waits for it, within EXTENSION_TIMEOUT_MS.
   * @param signal once it is aborted, an error of the method is thrown as it is
   * @throws NodeError that the method threw; InterceptorFailedError for any other error
   */
  async call<T>(
    hook: { readonly code: ExtensionCode },
    work: () => T | Promise<T>,
    signal?: AbortSignal,
  ): Promise<T> {
    try {
      const result = this.monitor.call(hook.code, work);
      if (!(result instanceof Promise)) return result;
      const limitMs = this.settings.EXTENSION_TIMEOUT_MS;
      return await withTimeLimit(
        result,
        limitMs,
        () => new Error(`it took longer than ${limitMs} ms (EXTENSION_TIMEOUT_MS)`),
      );
    } catch (error) {
      if (signal?.aborted) throw error;
      throw this.toFailure(hook, error);
    }
  }

  /**
   * Calls a synchronous method.
   * @throws NodeError that the method threw; InterceptorFailedError for any other error
   */
  callNow<T>(hook: { readonly code: ExtensionCode }, work: () => T): T {
    try {
      return this.monitor.call(hook.code, work);
    } catch (error) {
      throw this.toFailure(hook, error);
    }
  }

  /** Calls a method whose errors have no effect but a line in the log. */
  async notify(hook: { readonly code: ExtensionCode }, work: () => void | Promise<void>): Promise<void> {
    const members = codeMembers(hook.code);
    const onStray = (error: unknown) => this.toFailure(hook, error);
    try {
      await inContext({ members, onStray }, () => this.call(hook, work));
    } catch (error) {
      // `call` has logged all others.
      if (!(error instanceof InterceptorFailedError))
        this.toFailure(hook, new Error('it threw', { cause: error }));
    }
  }

  notifyOfValidationFailure(failure: ValidationFailure): void {
    const hooks = this.of('onValidationFailure');
    if (hooks.length > 0) deepFreeze(failure.errors);
    for (const hook of hooks) void this.notify(hook, () => hook.call(failure));
  }

  /** Logs an error of a method and makes the error of its step, unless the method refused the step. */
  toFailure({ code }: { readonly code: ExtensionCode }, thrown: unknown): NodeError {
    const error = readable(thrown);
    if (error instanceof NodeError) return error;
    this.logger.error(`the interceptor ${nameOf(code)} failed`, error, codeMembers(code));
    return new InterceptorFailedError(code, { cause: error });
  }
}

function bind<Name extends HookName>(
  { instance, className, moduleName }: DiscoveredClass<StepInterceptorOptions>,
  name: Name,
): Hook<Name>[] {
  const method = (instance as StepHooks)[name];
  if (typeof method !== 'function') return [];
  const code = { className, moduleName, methodName: name };
  return [{ code, call: method.bind(instance) as NonNullable<StepHooks[Name]> }];
}

function checkInterceptor({
  instance,
  className,
  moduleName,
  value,
}: DiscoveredClass<StepInterceptorOptions>): void {
  const order: unknown = value.order ?? 0;
  if (typeof order !== 'number' || Number.isNaN(order))
    throw new Error(`@StepInterceptor of ${className} of ${moduleName} has an order that is not a number.`);
  const names = Object.keys(HOOKS) as HookName[];
  const wrong = names.find(
    (name) => !['function', 'undefined'].includes(typeof (instance as StepHooks)[name]),
  );
  if (wrong !== undefined)
    throw new Error(`${className} of ${moduleName} has @StepInterceptor, so its ${wrong} must be a method.`);
  if (names.every((name) => (instance as StepHooks)[name] === undefined))
    throw new Error(
      `${className} of ${moduleName} has @StepInterceptor but none of its methods: add one of ${names.join(', ')}.`,
    );
}
