// Saves a workflow, makes a schedule for it, and runs it once to see that it works: node deploy.ts
import { CloutAgent } from '@cloutagent/client';
import { CloutAgentAdmin } from '@cloutagent/client/admin';
import { readFile } from 'node:fs/promises';

const {
  CLOUTAGENT_URL: baseUrl = 'http://127.0.0.1:3000',
  CLOUTAGENT_API_KEY: apiKey,
  PROJECT = 'demo',
} = process.env;
const client = new CloutAgent({ baseUrl, apiKey });
const admin = new CloutAgentAdmin(client);

// Saving the same content again changes nothing, so a deployment can run this each time.
const content = JSON.parse(await readFile(new URL('report.json', import.meta.url), 'utf8'));
const { version } = await admin.workflows.save(PROJECT, 'report', content);
await admin.workflows.setAlias(PROJECT, 'report', 'production', version);

const { nextAt } = await admin.schedules.set(PROJECT, 'nightly-report', {
  workflowRef: 'report@production',
  input: { topic: 'sales' },
  cron: '30 2 * * *',
  timeZone: 'Europe/Berlin',
  // One report at a time, and one after an outage.
  overlap: 'skip',
  catchUp: 'one',
});
console.log(`report@${version} runs next at ${nextAt}`);

const { id } = await admin.schedules.run(PROJECT, 'nightly-report');
const { status, output, error } = await client.executions.waitForEnd(id);
console.log(`${status}: ${error ? error.message : JSON.stringify(output)}`);
if (status !== 'completed') process.exitCode = 1;
