import { startTestServer, testRun } from '@cloutagent/server/testing';
import assert from 'node:assert/strict';
import { after, it } from 'node:test';
import { FindCustomerNode } from './find-customer.node.js';
import { TeamModule } from './team.module.js';

// The node alone, with the real database of a test server.
const server = await startTestServer({ imports: [TeamModule] });
after(() => server.stop());
const node = server.get(FindCustomerNode);

it('returns the customer', async () => {
  const { output } = await testRun(node, { email: 'ada@example.com' }, { projectId: 'demo' });
  assert.deepEqual(output, { email: 'ada@example.com', name: 'Ada Lovelace', card: '4111 1111 1111 1111' });
});

it('finds no customer of another project, and runs no SQL from its config', async () => {
  const unknown = { code: 'customer_unknown' };
  await assert.rejects(testRun(node, { email: 'ada@example.com' }, { projectId: 'other' }), unknown);
  await assert.rejects(testRun(node, { email: "' OR ''='" }, { projectId: 'demo' }), unknown);
});

it('refuses a wrong config', async () => {
  await assert.rejects(testRun(node, { mail: 'ada@example.com' }), { code: 'invalid_config' });
});
