import { Inject, Injectable } from '@nestjs/common';
import { Holder } from '../common/holder.js';
import { Settings } from '../config/settings.js';
import { ProblemError } from '../problems/problem.error.js';

/** Limits how many streams are open at the same time, by principal, execution and address. */
@Injectable()
export class StreamQuota {
  private readonly counts = new Map<string, StreamCount>();

  constructor(
    @Inject(Settings)
    private readonly settings: Pick<
      Settings,
      'MAX_STREAMS_PER_PRINCIPAL' | 'MAX_STREAMS_PER_EXECUTION' | 'MAX_STREAMS_PER_ADDRESS'
    >,
  ) {}

  /**
   * Counts a stream until the returned holder is released.
   * @param executionId undefined for a multi-execution stream
   * @throws ProblemError 429 `too_many_streams` when one of the limits is reached; nothing is counted then
   */
  acquire(principalId: string, executionId: string | undefined, address: string): Holder {
    const { MAX_STREAMS_PER_PRINCIPAL, MAX_STREAMS_PER_ADDRESS } = this.settings;
    return this.hold([
      { key: `principal ${principalId}`, subject: 'you', max: MAX_STREAMS_PER_PRINCIPAL },
      ...(executionId === undefined ? [] : [this.limitOf(executionId)]),
      { key: `address ${address}`, subject: 'your address', max: MAX_STREAMS_PER_ADDRESS },
    ]);
  }

  /**
   * Counts a stream that was acquired without an execution as one of this execution too.
   * @throws ProblemError 429 `too_many_streams`
   */
  acquireOfExecution(executionId: string): Holder {
    return this.hold([this.limitOf(executionId)]);
  }

  private limitOf(executionId: string): StreamLimit {
    const max = this.settings.MAX_STREAMS_PER_EXECUTION;
    return { key: `execution ${executionId}`, subject: 'this execution', max };
  }

  private hold(limits: readonly StreamLimit[]): Holder {
    const reached = limits.find(({ key, max }) => (this.counts.get(key)?.open ?? 0) >= max);
    if (reached) {
      throw new ProblemError(
        'too_many_streams',
        `${reached.max} streams are open for ${reached.subject}, which is the limit. Close one first.`,
        { headers: { 'Retry-After': '5' } },
      );
    }
    // All streams of a key share one object, so that an idle stream takes little memory.
    const held = limits.map(({ key }) => this.increment(key));
    return new Holder(() => {
      for (const count of held) this.decrement(count);
    });
  }

  private increment(key: string): StreamCount {
    let count = this.counts.get(key);
    if (!count) this.counts.set(key, (count = { key, open: 0 }));
    count.open += 1;
    return count;
  }

  private decrement(count: StreamCount): void {
    count.open -= 1;
    if (count.open === 0) this.counts.delete(count.key);
  }
}

interface StreamLimit {
  readonly key: string;
  readonly subject: string;
  readonly max: number;
}

interface StreamCount {
  readonly key: string;
  open: number;
}
