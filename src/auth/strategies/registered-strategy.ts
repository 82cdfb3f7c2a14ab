import { abortable } from '../../common/abortable.js';
import type { Settings } from '../../config/settings.js';
import type { AuthStrategyCall, AuthStrategyHandler, NamedAuthStrategy } from './auth-strategy.js';

const NAME = /^[a-z][a-z0-9-]{0,31}$/;
/** Other ids and counters begin with these words: `schedule:nightly` is the principal that starts the executions of a schedule. */
const RESERVED = new Set(['key', 'jwt', 'address', 'system', 'schedule', 'trigger']);

/** One authentication strategy, whose calls have a time limit and are limited in number. */
export class RegisteredStrategy {
  readonly name: string;
  readonly order: number;
  readonly handler: AuthStrategyHandler;
  /** Calls whose promise has not settled, also those that no request waits for any more. */
  private running = 0;

  /**
   * @param origin the class and its module, for messages
   * @throws Error if the name is not valid or the object is not a strategy
   */
  constructor(
    { name, handler, order = 0 }: NamedAuthStrategy,
    readonly origin: string,
    private readonly settings: Pick<Settings, 'AUTH_STRATEGY_TIMEOUT_MS' | 'MAX_CALLS_PER_AUTH_STRATEGY'>,
  ) {
    if (typeof name !== 'string' || !NAME.test(name) || RESERVED.has(name))
      throw new Error(
        `${origin}: ${JSON.stringify(name)} cannot be the name of an authentication strategy. Use up to 32 lower-case letters, digits and hyphens, and none of ${[...RESERVED].join(', ')}.`,
      );
    if (typeof handler?.authenticate !== 'function')
      throw new Error(`${origin} has no method authenticate, so it cannot be an authentication strategy.`);
    this.name = name;
    this.order = order;
    this.handler = handler;
  }

  /** Names the strategy in logs. */
  get title(): string {
    return `the authentication strategy "${this.name}" (${this.origin})`;
  }

  /**
   * Calls the strategy.
   * @throws what the call throws; Error if it takes too long, or if too many calls have not ended
   */
  async call<T>(work: (call: AuthStrategyCall) => T | Promise<T>): Promise<T> {
    const { AUTH_STRATEGY_TIMEOUT_MS: ms, MAX_CALLS_PER_AUTH_STRATEGY: max } = this.settings;
    if (this.running >= max)
      throw new Error(`${max} of its calls have not ended (MAX_CALLS_PER_AUTH_STRATEGY)`);
    const controller = new AbortController();
    const timer = setTimeout(
      () => controller.abort(new Error(`it has not answered within ${ms} ms (AUTH_STRATEGY_TIMEOUT_MS)`)),
      ms,
    );
    this.running += 1;
    const onEnd = () => {
      this.running -= 1;
    };
    // Async, so that an error that `work` throws at once rejects too.
    const running = (async () => work({ signal: controller.signal }))();
    running.then(onEnd, onEnd);
    try {
      return await abortable(running, controller.signal);
    } finally {
      clearTimeout(timer);
    }
  }
}
