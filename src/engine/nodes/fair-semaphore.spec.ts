import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Holder } from '../../common/holder.js';
import { FairSemaphore } from './fair-semaphore.js';

const never = new AbortController().signal;

/** Acquires slots and records the order in which they were given. */
function acquirer(semaphore: FairSemaphore) {
  const given: string[] = [];
  const slots: Holder[] = [];
  const acquire = (project: string, name = project, signal = never): Promise<void> =>
    semaphore.acquire(project, signal).then((slot) => {
      given.push(name);
      slots.push(slot);
    });
  return { acquire, given, slots };
}

it('gives one project at most half of the slots', async () => {
  const { acquire, given, slots } = acquirer(new FairSemaphore(4));
  for (const name of ['a1', 'a2', 'a3', 'a4']) void acquire('a', name);
  await nextTurn();
  expect(given).toEqual(['a1', 'a2']);
  await Promise.all([acquire('b'), acquire('c')]);
  expect(given).toEqual(['a1', 'a2', 'b', 'c']);
  slots[0]!.release();
  await nextTurn();
  expect(given.slice(4)).toEqual(['a3']);
});

it('lets projects take turns, however many jobs each of them has waiting', async () => {
  const { acquire, given, slots } = acquirer(new FairSemaphore(2));
  for (let job = 1; job <= 30; job += 1) void acquire('a', `a${job}`);
  for (const name of ['b1', 'b2', 'c1']) void acquire(name[0]!, name);
  await nextTurn();
  expect(given).toEqual(['a1', 'b1']);
  for (let index = 0; index < 4; index += 1) {
    slots[index]!.release();
    await nextTurn();
  }
  expect(given).toEqual(['a1', 'b1', 'a2', 'b2', 'c1', 'a3']);
});

it('forgets a job that is aborted while it waits', async () => {
  const { acquire, given, slots } = acquirer(new FairSemaphore(2));
  const aborter = new AbortController();
  void acquire('a', 'a1');
  const aborted = acquire('a', 'a2', aborter.signal);
  void acquire('a', 'a3');
  await nextTurn();
  aborter.abort(new Error('no longer needed'));
  await expect(aborted).rejects.toThrow('no longer needed');
  slots[0]!.release();
  await nextTurn();
  expect(given).toEqual(['a1', 'a3']);
});

it('refuses a job whose signal was aborted before', async () => {
  const { acquire } = acquirer(new FairSemaphore(2));
  await expect(acquire('a', 'a', AbortSignal.abort(new Error('no longer needed')))).rejects.toThrow(
    'no longer needed',
  );
});

it('passes a slot on that was handed to a job right after its abort', async () => {
  const { acquire, given, slots } = acquirer(new FairSemaphore(2));
  const aborter = new AbortController();
  void acquire('a', 'a1');
  const aborted = acquire('a', 'a2', aborter.signal);
  void acquire('a', 'a3');
  await nextTurn();
  aborter.abort(new Error('no longer needed'));
  slots[0]!.release();
  await expect(aborted).rejects.toThrow('no longer needed');
  await nextTurn();
  expect(given).toEqual(['a1', 'a3']);
});

it('counts a slot once that is released twice', async () => {
  const { acquire, given, slots } = acquirer(new FairSemaphore(2));
  void acquire('a', 'a1');
  await nextTurn();
  slots[0]!.release();
  slots[0]!.release();
  for (const project of ['b', 'c', 'd']) void acquire(project);
  await nextTurn();
  expect(given).toEqual(['a1', 'b', 'c']);
});
