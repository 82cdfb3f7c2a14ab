import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

// Runs the worker with libraries of hostile code in place of JSONata and @cfworker/json-schema.
const PROGRAM = join(import.meta.dirname, '../../src/engine/nodes/transform.worker.ts');
const LIBRARY = join(import.meta.dirname, '../support/hostile-library.cjs');
const SCHEMA_LIBRARY = join(import.meta.dirname, '../support/hostile-schema-library');

let worker: ChildProcess;
beforeAll(async () => {
  worker = fork(PROGRAM, [LIBRARY, SCHEMA_LIBRARY], {
    execArgv: ['--disallow-code-generation-from-strings', '--disable-warning=ExperimentalWarning'],
  });
  await once(worker, 'message');
});
afterAll(() => worker.disconnect());

async function evaluate(expression: string, projectId = 'demo'): Promise<unknown> {
  worker.send({ kind: 'evaluate', projectId, expression, document: 'null', maxBytes: 1_000 });
  const [{ json, error }] = (await once(worker, 'message')) as [{ json?: string; error?: string }];
  return json === undefined ? error : JSON.parse(json);
}

it('gives an expression no access to objects of the process', async () => {
  expect(await evaluate('globals')).toEqual([]);
  expect(await evaluate('global')).toBe(true);
  expect(await evaluate('what it is given')).toBe(true);
});

it.each(['code', 'code of a function', 'eval'])('refuses to generate code from text: %s', async (name) => {
  expect(await evaluate(name)).toMatch(/Code generation from strings disallowed/);
});

it.each([
  'new global',
  'new member of all objects',
  'member of all objects',
  'member of all arrays',
  'member of all promises',
  'member of all regular expressions',
  'member of all iterators',
  'member of all generators',
  'member of a function',
  'stack traces',
])('refuses to change a shared object: %s', async (name) => {
  expect(await evaluate(name)).toMatch(/Cannot assign|not extensible|cannot be assigned/);
});

it('clears the last match of a regular expression after each job', async () => {
  expect(await evaluate('match')).toBe('secret');
  expect(await evaluate('last match')).toBe('');
  expect(await evaluate('last match', 'other')).toBe('');
});

describe('the realm of JSON Schema', () => {
  async function validate(attack: string): Promise<string> {
    worker.send({ kind: 'validate', schema: 'true', value: JSON.stringify(attack) });
    const [{ json }] = (await once(worker, 'message')) as [{ json: string }];
    const [problem] = JSON.parse(json) as [{ detail: string }];
    return problem.detail;
  }

  it('has no access to objects of the process', async () => {
    expect(await validate('globals')).toBe('0');
    expect(await validate('a result of another realm')).toBe('true');
    expect(await validate('an error of another realm')).toBe('true');
  });

  it.each(['code of what it is given', 'code of a result'])(
    'does not generate code from text: %s',
    async (name) => {
      expect(await validate(name)).toMatch(/Code generation from strings disallowed/);
    },
  );

  it.each(['new global', 'member of all objects', 'member of all arrays', 'member of the library'])(
    'does not change a shared object: %s',
    async (name) => {
      expect(await validate(name)).toMatch(/Cannot assign|not extensible|cannot be assigned/);
    },
  );
});
