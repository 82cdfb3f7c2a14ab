import type { ExecutionStatus } from '@cloutagent/contract';
import { AppendQueue } from './append-queue.js';
import type { PendingAppend } from './pending-append.js';

/** Makes an append of some events; its name is its execution and its number. */
function append(
  executionId: string,
  number: number,
  { attempt = 1, events = 1, status }: { attempt?: number; events?: number; status?: ExecutionStatus } = {},
): PendingAppend {
  const claim = { executionId, attempt };
  const recorded = Array.from({ length: events }, (_unused, index) => ({
    sequence: number + index,
    type: 'execution:output' as const,
    data: '{}',
  }));
  const handlers = { resolve: () => undefined, reject: () => undefined };
  return {
    claim,
    executionId,
    attempt,
    events: recorded,
    change: status && { status },
    uncertain: false,
    ...handlers,
  };
}

const names = (appends: readonly PendingAppend[]): string[] =>
  appends.map(({ executionId, events }) => `${executionId}${events[0]!.sequence}`);

describe('AppendQueue', () => {
  const queueOf = (...appends: PendingAppend[]): AppendQueue => {
    const queue = new AppendQueue();
    for (const each of appends) queue.add(each);
    return queue;
  };

  it('ends a batch with the append that reaches the maximum of events', () => {
    const queue = queueOf(append('a', 1, { events: 2 }), append('b', 1, { events: 2 }), append('c', 1));
    expect(names(queue.take(3, []))).toEqual(['a1', 'b1']);
    expect(names(queue.take(3, []))).toEqual(['c1']);
    expect(queue.length).toBe(0);
  });

  it('leaves the appends of executions that another flush writes, in order', () => {
    const queue = queueOf(append('a', 1), append('b', 1), append('a', 2));
    expect(names(queue.take(9, [new Set(['a'])]))).toEqual(['b1']);
    expect(names(queue.take(9, []))).toEqual(['a1', 'a2']);
  });

  it('does not mix two claims of an execution in a batch', () => {
    const queue = queueOf(append('a', 1), append('a', 2, { attempt: 2 }), append('b', 1));
    expect(names(queue.take(9, []))).toEqual(['a1', 'b1']);
    expect(names(queue.take(9, []))).toEqual(['a2']);
  });

  it('puts a batch back before the appends that wait', () => {
    const queue = queueOf(append('a', 1), append('b', 1));
    const batch = queue.take(1, []);
    queue.putBack(batch);
    expect(names(queue.take(9, []))).toEqual(['a1', 'b1']);
  });

  it('takes the start of an execution and its end in two batches, and keeps what follows in order', () => {
    const queue = queueOf(
      append('a', 1, { status: 'running' }),
      append('a', 2),
      append('a', 3, { status: 'completed' }),
      append('b', 1),
      append('a', 4),
    );
    expect(names(queue.take(9, []))).toEqual(['a1', 'a2', 'b1']);
    expect(names(queue.take(9, []))).toEqual(['a3', 'a4']);
  });

  it('removes the appends of one claim and keeps the others', () => {
    const queue = queueOf(append('a', 1), append('a', 2, { attempt: 2 }), append('b', 1));
    expect(names(queue.remove({ executionId: 'a', attempt: 1 }))).toEqual(['a1']);
    expect(names(queue.take(9, []))).toEqual(['a2', 'b1']);
  });

  it('finds appends by the object of their claim', () => {
    const first = append('a', 1);
    const queue = queueOf(first, append('a', 2));
    expect(names(queue.find(first.claim))).toEqual(['a1']);
  });
});
