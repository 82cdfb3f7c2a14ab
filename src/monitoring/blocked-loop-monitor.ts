import { Inject, Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { Settings } from '../config/settings.js';
import { Logger } from '../logging/logger.js';
import { codeMembers, type ExtensionCode, nameOf } from './extension-code.js';

/** The timer fires this many times within BLOCKED_LOOP_WARNING_MS, so that it notices most of a block's duration. */
const TICKS_PER_LIMIT = 4;

/**
 * Warns when code of a module blocks the event loop, and with it every execution of the process. It has two sources:
 * - It times the synchronous part of each call, up to the first `await`. The warning then names the code that blocked.
 * - While such code runs, a timer notices that it fires late. The warning then names all code that was running: one of
 *   them probably blocked after an `await`.
 */
@Injectable()
export class BlockedLoopMonitor implements OnApplicationShutdown {
  private readonly logger = new Logger(BlockedLoopMonitor.name);
  private readonly limitMs: number;
  private readonly intervalMs: number;
  /** Calls under way, by code. */
  private readonly running = new Map<ExtensionCode, number>();
  /** Code that has run since the last tick: a call that blocks may have ended when the timer fires. */
  private recent = new Set<ExtensionCode>();
  private timer: NodeJS.Timeout | undefined;
  /** When the timer fired last, by `performance.now()`. */
  private tickedAt = 0;
  /** The time that warnings of the first kind have reported so far, and how much of it was reported at the last tick. */
  private reportedMs = 0;
  private reportedAtTick = 0;

  constructor(@Inject(Settings) { BLOCKED_LOOP_WARNING_MS }: Pick<Settings, 'BLOCKED_LOOP_WARNING_MS'>) {
    this.limitMs = BLOCKED_LOOP_WARNING_MS;
    this.intervalMs = Math.max(1, BLOCKED_LOOP_WARNING_MS / TICKS_PER_LIMIT);
  }

  onApplicationShutdown(): void {
    clearInterval(this.timer);
  }

  /** Calls code of a module and returns what it returns. The code runs until the promise that it returns is settled. */
  call<T>(code: ExtensionCode, work: () => T): T {
    if (this.limitMs === 0) return work();
    const startedAt = performance.now();
    const reportedBefore = this.reportedMs;
    let result: T | undefined;
    try {
      result = work();
      return result;
    } finally {
      // Code that this code called, such as an interceptor, has its own warning.
      const ownMs = performance.now() - startedAt - (this.reportedMs - reportedBefore);
      if (ownMs >= this.limitMs) this.warnOf(code, ownMs);
      if (result instanceof Promise) this.track(code, result);
    }
  }

  /** Remembers that code runs until its promise is settled. */
  private track(code: ExtensionCode, result: Promise<unknown>): void {
    const end = () => this.end(code);
    result.then(end, end);
    this.running.set(code, (this.running.get(code) ?? 0) + 1);
    this.recent.add(code);
    if (this.timer) return;
    this.tickedAt = performance.now();
    this.reportedAtTick = this.reportedMs;
    this.timer = setInterval(() => this.onTick(), this.intervalMs).unref();
  }

  private end(code: ExtensionCode): void {
    const calls = this.running.get(code)! - 1;
    if (calls > 0) this.running.set(code, calls);
    else this.running.delete(code);
  }

  private onTick(): void {
    const now = performance.now();
    const lateMs = now - this.tickedAt - this.intervalMs;
    const blockedMs = lateMs - (this.reportedMs - this.reportedAtTick);
    this.tickedAt = now;
    this.reportedAtTick = this.reportedMs;
    if (blockedMs >= this.limitMs) this.warnOfRecent(blockedMs);
    this.recent = new Set(this.running.keys());
    if (this.running.size > 0) return;
    clearInterval(this.timer);
    this.timer = undefined;
  }

  private warnOf(code: ExtensionCode, ms: number): void {
    this.reportedMs += ms;
    const blockedMs = Math.round(ms);
    this.logger.warn(
      `${nameOf(code)} blocked the event loop for ${blockedMs} ms, and with it every execution of this process: let it await, or move its work to a worker thread`,
      { ...codeMembers(code), blockedMs },
    );
  }

  private warnOfRecent(ms: number): void {
    const blockedMs = Math.round(ms);
    const codes = [...this.recent];
    const modules = [...new Set(codes.map(({ moduleName }) => moduleName))];
    this.logger.warn(
      `the event loop was blocked for ${blockedMs} ms, and with it every execution of this process, while code of a module was running: ${codes.map(nameOf).join(', ')}`,
      { modules, blockedMs },
    );
  }
}
