/** A recorded event as the peers publish it. `data` contains its creation time, from which a client computes its age. */
export interface BenchEvent {
  sequence: number;
  type: 'execution:output';
  data: string;
}

const ID = '0192f4f0-0000-7000-8000-000000000000';

/** Returns the time in ms, comparable between the processes of one machine. */
export const now = (): number => performance.timeOrigin + performance.now();

const OVERHEAD = 'event: execution:output\ndata: \nid: 123456\n\n'.length;

/**
 * Creates an event whose frame has `bytes` bytes (at least 190), plus or minus the digits of its sequence, and plus 46 for the
 * members that `dataOf` adds.
 */
export function makeEvent(sequence: number, bytes: number): BenchEvent {
  const head = `{"executionId":"${ID}","sent":${now().toFixed(3)},"chunk":"`;
  return {
    sequence,
    type: 'execution:output',
    data: `${head}${'x'.repeat(Math.max(0, bytes - OVERHEAD - head.length - 2))}"}`,
  };
}

/** Returns the data that a peer sends: the product adds these members when it frames an event. */
export const dataOf = ({ sequence, type, data }: BenchEvent): string =>
  `{"type":"${type}","sequence":${sequence},${data.slice(1)}`;

export const encode = (event: BenchEvent): Buffer =>
  Buffer.from(`event: ${event.type}\ndata: ${dataOf(event)}\nid: ${event.sequence}\n\n`);
