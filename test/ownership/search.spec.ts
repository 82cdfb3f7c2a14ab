import { CYCLE, DEAD_END, type Model, search } from './search.ts';

/** Counts up to 9 by steps of 1, 2 and 3. Steps of 3 are not fair. */
const counter = (changes: Partial<Model<number>>): Model<number> => ({
  initial: 0,
  steps: (state) =>
    [1, 2, 3]
      .filter((step) => state + step <= 9)
      .map((step) => ({ name: `+${step}`, fair: step < 3, next: state + step })),
  key: String,
  violated: () => undefined,
  isGoal: (state) => state === 9,
  ...changes,
});

it('a search explores every state once', () => {
  expect(search(counter({}))).toEqual({ states: 10, steps: 24, depth: 3, trace: [] });
});

it('a search finds the shortest trace to a violation', () => {
  const found = search(counter({ violated: (state) => (state === 7 ? 'no seven' : undefined) }));
  expect(found.violated).toBe('no seven');
  expect(found.trace).toHaveLength(3);
  expect(found.trace.reduce((sum, name) => sum + Number(name), 0)).toBe(7);
});

it('a search finds the shortest trace to a state from which fair steps do not reach the goal', () => {
  const even = counter({}).steps;
  const stuck = search(
    counter({ steps: (state) => even(state).filter(({ fair, name }) => !fair || name === '+2') }),
  );
  expect(stuck).toMatchObject({ violated: DEAD_END, trace: [] });
  const found = search(
    counter({ isGoal: (state) => state === 8, steps: (state) => (state === 8 ? [] : even(state)) }),
  );
  expect(found).toMatchObject({ violated: DEAD_END, trace: ['+3', '+3', '+3'] });
});

it('a search throws when the model has too many states', () => {
  expect(() => search(counter({}), 5)).toThrow('more than 5 states');
});

it('a search finds the shortest trace to a cycle of fair steps', () => {
  const { steps } = counter({});
  const back = { name: 'back', fair: true, next: 5 };
  const found = search(counter({ steps: (state) => (state === 7 ? [...steps(state), back] : steps(state)) }));
  expect(found).toMatchObject({ violated: CYCLE, trace: ['+2', '+3'] });
});
