import { setImmediate as nextTurn } from 'node:timers/promises';
import { ProjectTurns, type Release } from './project-turns.js';

const never = new AbortController().signal;

/** Asks for places and notes in which order they were given. */
function asker(turns: ProjectTurns) {
  const given: string[] = [];
  const releases: Release[] = [];
  const ask = (project: string, name = project, signal = never): Promise<void> =>
    turns.acquire(project, signal).then((release) => {
      given.push(name);
      releases.push(release);
    });
  return { ask, given, releases };
}

it('gives one project at most half of the places', async () => {
  const { ask, given, releases } = asker(new ProjectTurns(4));
  for (const name of ['a1', 'a2', 'a3', 'a4']) void ask('a', name);
  await nextTurn();
  expect(given).toEqual(['a1', 'a2']);
  await Promise.all([ask('b'), ask('c')]);
  expect(given).toEqual(['a1', 'a2', 'b', 'c']);
  releases[0]!();
  await nextTurn();
  expect(given.slice(4)).toEqual(['a3']);
});

it('lets projects take turns, however many jobs each has waiting', async () => {
  const { ask, given, releases } = asker(new ProjectTurns(2));
  for (let job = 1; job <= 30; job += 1) void ask('a', `a${job}`);
  for (const name of ['b1', 'b2', 'c1']) void ask(name[0]!, name);
  await nextTurn();
  expect(given).toEqual(['a1', 'b1']);
  for (let place = 0; place < 4; place += 1) {
    releases[place]!();
    await nextTurn();
  }
  expect(given).toEqual(['a1', 'b1', 'a2', 'b2', 'c1', 'a3']);
});

it('forgets a job that is aborted while it waits', async () => {
  const { ask, given, releases } = asker(new ProjectTurns(2));
  const leaving = new AbortController();
  void ask('a', 'a1');
  const left = ask('a', 'a2', leaving.signal);
  void ask('a', 'a3');
  await nextTurn();
  leaving.abort(new Error('left'));
  await expect(left).rejects.toThrow('left');
  releases[0]!();
  await nextTurn();
  expect(given).toEqual(['a1', 'a3']);
  await expect(ask('b', 'b', leaving.signal)).rejects.toThrow('left');
});

it('counts a release once', async () => {
  const { ask, given, releases } = asker(new ProjectTurns(2));
  void ask('a', 'a1');
  await nextTurn();
  releases[0]!();
  releases[0]!();
  for (const project of ['b', 'c', 'd']) void ask(project);
  await nextTurn();
  expect(given).toEqual(['a1', 'b', 'c']);
});
