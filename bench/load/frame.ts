/** A recorded event as the peers publish it. `data` holds the time it was made, so that a client can tell its age. */
export interface BenchEvent {
  sequence: number;
  type: 'execution:output';
  data: string;
}

const ID = '0192f4f0-0000-7000-8000-000000000000';

/** The time in ms, comparable between the processes of one machine. */
export const now = (): number => performance.timeOrigin + performance.now();

const OVERHEAD = 'event: execution:output\ndata: \nid: 123456\n\n'.length;

/** An event whose frame has `bytes` bytes, give or take the digits of its number; 190 at least. */
export function makeEvent(sequence: number, bytes: number): BenchEvent {
  const head = `{"executionId":"${ID}","sent":${now().toFixed(3)},"chunk":"`;
  return {
    sequence,
    type: 'execution:output',
    data: `${head}${'x'.repeat(Math.max(0, bytes - OVERHEAD - head.length - 2))}"}`,
  };
}

export const encode = (event: BenchEvent): Buffer =>
  Buffer.from(`event: ${event.type}\ndata: ${event.data}\nid: ${event.sequence}\n\n`);
