import { Inject, Injectable } from '@nestjs/common';
import { Settings } from '../config/settings.js';
import { ProblemError } from '../problems/problem.error.js';

/** Bounds how many streams are open at once, per principal, execution and address. */
@Injectable()
export class StreamQuota {
  private readonly open = new Map<string, number>();

  constructor(
    @Inject(Settings)
    private readonly settings: Pick<
      Settings,
      'STREAMS_PER_PRINCIPAL' | 'STREAMS_PER_EXECUTION' | 'STREAMS_PER_ADDRESS'
    >,
  ) {}

  /**
   * @returns gives the place back; calling it again does nothing
   * @throws ProblemError 429 `too_many_streams`
   */
  acquire(principalId: string, executionId: string, address: string): () => void {
    const places = [
      { key: `principal ${principalId}`, what: 'you', most: this.settings.STREAMS_PER_PRINCIPAL },
      { key: `execution ${executionId}`, what: 'this execution', most: this.settings.STREAMS_PER_EXECUTION },
      { key: `address ${address}`, what: 'your address', most: this.settings.STREAMS_PER_ADDRESS },
    ];
    const full = places.find(({ key, most }) => (this.open.get(key) ?? 0) >= most);
    if (full) {
      throw new ProblemError(
        429,
        'too_many_streams',
        `There are ${full.most} streams open for ${full.what}, which is the limit. Close one first.`,
        {
          headers: { 'Retry-After': '5' },
        },
      );
    }
    for (const { key } of places) this.open.set(key, (this.open.get(key) ?? 0) + 1);
    let held = true;
    return () => {
      if (!held) return;
      held = false;
      for (const { key } of places) {
        const left = (this.open.get(key) ?? 1) - 1;
        if (left === 0) this.open.delete(key);
        else this.open.set(key, left);
      }
    };
  }
}
