import type { RoundCall } from '../extension/agent-run.js';

/** The calls of tools of one execution that have been sent and whose results are not stored. */
export class CallsUnderWay {
  private readonly calls = new Set<RoundCall>();
  private emptied: PromiseWithResolvers<void> | undefined;

  get isEmpty(): boolean {
    return this.calls.size === 0;
  }

  begin(call: RoundCall): void {
    this.calls.add(call);
  }

  end(call: RoundCall): void {
    this.calls.delete(call);
    if (this.isEmpty) this.emptied?.resolve();
  }

  /** Waits until the result of each call is stored, at most for so long. */
  async whenEmpty(timeoutMs: number): Promise<void> {
    if (this.isEmpty) return;
    this.emptied = Promise.withResolvers<void>();
    const timer = setTimeout(this.emptied.resolve, timeoutMs);
    await this.emptied.promise;
    clearTimeout(timer);
  }
}
