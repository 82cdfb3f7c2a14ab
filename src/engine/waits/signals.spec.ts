import type { Database } from '../../database/database.js';
import type { Settings } from '../../config/settings.js';
import type { JsonSchemas } from '../nodes/json-schemas.js';
import type { ExecutionRedactors } from '../../secrets/execution-redactors.js';
import { Signals } from './signals.js';
import type { WaitSettlement } from './wait-settlement.js';

const KEPT = 20;

it('checks a kept signal that does not fit a wait once, and not at each signal that follows', async () => {
  const wait = { id: 'wait', nodeId: 'n', signal: 's', request: { schema: { type: 'object' } } };
  const kept = Array.from({ length: KEPT }, (_unused, index) => ({
    id: `kept-${index}`,
    name: 's',
    body: index,
  }));
  const answers: [part: string, rows: unknown[]][] = [
    ['FROM cloutagent.waits', [wait]],
    ['SELECT id, name FROM cloutagent.signals', kept],
    ['WHERE id = ANY', kept],
    [
      'FROM cloutagent.executions',
      [{ projectId: 'p', isOver: false, status: 'waiting', secretVersions: [] }],
    ],
    ['count(*)', [{ count: KEPT }]],
  ];
  const query = (text: string | { text: string }) => {
    const sql = typeof text === 'string' ? text : text.text;
    return Promise.resolve({ rows: answers.find(([part]) => sql.includes(part))?.[1] ?? [] });
  };
  const database = { pool: { query } } as unknown as Database;
  const settlement = {
    transaction: (_ids: unknown, work: (transaction: object) => unknown) =>
      work({ client: database.pool, end: () => Promise.resolve([]) }),
  } as unknown as WaitSettlement;
  let checks = 0;
  const validate = () => Promise.resolve([{ path: '', message: `problem ${(checks += 1)}` }]);
  const signals = new Signals(
    database,
    settlement,
    { validate } as unknown as JsonSchemas,
    {} as Settings,
    {} as ExecutionRedactors,
  );

  const send = () => signals.send({ executionId: 'e', name: 's', body: 'new', by: 'key:1' });
  await expect(send()).rejects.toMatchObject({ code: 'invalid_answer' });
  expect(checks).toBe(KEPT + 1);
  await expect(send()).rejects.toMatchObject({ code: 'invalid_answer' });
  expect(checks).toBe(KEPT + 2);
});
