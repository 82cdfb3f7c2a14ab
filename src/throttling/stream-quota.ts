import { Inject, Injectable } from '@nestjs/common';
import { Settings } from '../config/settings.js';
import { ProblemError } from '../problems/problem.error.js';

/** Bounds how many streams are open at once, per principal, execution and address. */
@Injectable()
export class StreamQuota {
  private readonly open = new Map<string, Place>();

  constructor(
    @Inject(Settings)
    private readonly settings: Pick<
      Settings,
      'MAX_STREAMS_PER_PRINCIPAL' | 'MAX_STREAMS_PER_EXECUTION' | 'MAX_STREAMS_PER_ADDRESS'
    >,
  ) {}

  /**
   * @param executionId undefined for a stream of many executions
   * @returns gives the place back; calling it again does nothing
   * @throws ProblemError 429 `too_many_streams`
   */
  acquire(principalId: string, executionId: string | undefined, address: string): () => void {
    const { MAX_STREAMS_PER_PRINCIPAL, MAX_STREAMS_PER_EXECUTION, MAX_STREAMS_PER_ADDRESS } = this.settings;
    const places = [
      { key: `principal ${principalId}`, what: 'you', most: MAX_STREAMS_PER_PRINCIPAL },
      ...(executionId === undefined
        ? []
        : [{ key: `execution ${executionId}`, what: 'this execution', most: MAX_STREAMS_PER_EXECUTION }]),
      { key: `address ${address}`, what: 'your address', most: MAX_STREAMS_PER_ADDRESS },
    ];
    const full = places.find(({ key, most }) => (this.open.get(key)?.taken ?? 0) >= most);
    if (full) {
      throw new ProblemError(
        'too_many_streams',
        `There are ${full.most} streams open for ${full.what}, which is the limit. Close one first.`,
        {
          headers: { 'Retry-After': '5' },
        },
      );
    }
    // One object a key, however many streams hold it: ten thousand idle ones are to weigh little.
    const held = places.map(({ key }) => this.take(key));
    return () => {
      for (const place of held.splice(0)) this.release(place);
    };
  }

  private take(key: string): Place {
    let place = this.open.get(key);
    if (!place) this.open.set(key, (place = { key, taken: 0 }));
    place.taken += 1;
    return place;
  }

  private release(place: Place): void {
    place.taken -= 1;
    if (place.taken === 0) this.open.delete(place.key);
  }
}

interface Place {
  readonly key: string;
  taken: number;
}
