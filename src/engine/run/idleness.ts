import type { ExecutionLog } from './execution-log.js';
import type { PausableTimeout } from './pausable-timeout.js';

interface IdlenessOptions {
  readonly log: ExecutionLog;
  /** The time limit of the execution. */
  readonly timeLimit: PausableTimeout;
  /** How long an execution that only waits stays in memory, in ms. */
  readonly parkTimeoutMs: number;
  /** Whether everything that is left to do is in the database. */
  readonly canPark: () => boolean;
  /** Called when the execution has only waited for `parkTimeoutMs`. */
  readonly onPark: () => void;
  /** Called after the commit by which the row became idle, or became busy again. */
  readonly onIdle: (isIdle: boolean) => void;
}

/**
 * Frees the slot of an execution while it only waits, for a resume or for the end of a wait, and leaves it after a while. The
 * clock of the time limit stops, except while it waits for children.
 */
export class Idleness {
  private timer: NodeJS.Timeout | undefined;
  private isIdle = false;

  constructor(private readonly options: IdlenessOptions) {}

  /** Whether the execution waits for child executions, whose time counts towards its limit. */
  get waitsForChildren(): boolean {
    const { status, waits } = this.options.log.state;
    return status === 'waiting' && waits.some(({ kind }) => kind === 'children');
  }

  /** Call this when the status or the work that is left may have changed. */
  update(): void {
    const { log, timeLimit, parkTimeoutMs, canPark, onPark, onIdle } = this.options;
    clearTimeout(this.timer);
    const { status } = log.state;
    const isIdle = status === 'paused' || status === 'waiting';
    if (isIdle && !this.waitsForChildren) timeLimit.pause();
    else timeLimit.resume();
    if (isIdle && canPark()) {
      this.timer = setTimeout(onPark, parkTimeoutMs);
      this.timer.unref();
    }
    if (isIdle === this.isIdle) return;
    this.isIdle = isIdle;
    // After the commit, because children that begin with a wait can be claimed only then.
    log.whenCommitted().then(
      () => onIdle(isIdle),
      () => undefined,
    );
  }

  /** Call this when the run stops. */
  stop(): void {
    clearTimeout(this.timer);
    this.options.timeLimit.pause();
  }
}
