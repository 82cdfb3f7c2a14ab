import { type ActiveExecution, ActiveExecutions } from './active-executions.js';

/** A run that stops when its execution is aborted. */
const untilAborted = ({ abort }: ActiveExecution): Promise<void> =>
  new Promise((resolve) => abort.signal.addEventListener('abort', () => resolve()));

it('begins a run under a new claim only after the run under the earlier claim has stopped', async () => {
  const active = new ActiveExecutions();
  const order: string[] = [];
  active.start('a', 1, async (execution) => {
    await untilAborted(execution);
    order.push('first stopped');
  });
  await Promise.resolve();
  const second = active.start('a', 2, async () => {
    order.push('second began');
  });
  await second.done;
  expect(order).toEqual(['first stopped', 'second began']);
  expect(active.size).toBe(0);
});

it('ignores the idle state of a run that a newer run has replaced', () => {
  const active = new ActiveExecutions();
  const first = active.start('a', 1, untilAborted);
  const second = active.start('a', 2, untilAborted);
  expect(active.setIdle('a', first, true)).toBe(false);
  expect(active.takenSlots(10)).toBe(1);
  expect(active.setIdle('a', second, true)).toBe(true);
  expect(active.takenSlots(10)).toBe(0);
  expect(active.takenSlots(0)).toBe(1);
});

it('waits for all runs when it aborts them', async () => {
  const active = new ActiveExecutions();
  for (const id of ['a', 'b']) active.start(id, 1, untilAborted);
  await Promise.resolve();
  await active.abortAll();
  expect(active.size).toBe(0);
});
