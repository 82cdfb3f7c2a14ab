// Runs two server processes and 300 executions under outages of PostgreSQL, each scenario on its own PostgreSQL. Prints
// one row per scenario and fails on any violation. `node test/outages/run.ts [--executions 300] [--logs folder] [names…]`.
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { summarise } from './report.ts';
import { SCENARIOS } from './scenarios.ts';

const { values: given, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    executions: { type: 'string', default: '300' },
    /** The build to test. */
    server: { type: 'string', default: 'dist/main.js' },
    /** Where to keep the output of the processes, and the violations. */
    logs: { type: 'string' },
  },
});
const names = positionals.length > 0 ? positionals : Object.keys(SCENARIOS);
const unknown = names.filter((name) => !SCENARIOS[name]);
if (unknown.length > 0) {
  console.error(`No scenario ${unknown.join(', ')}. There are: ${Object.keys(SCENARIOS).join(', ')}`);
  process.exit(2);
}

const SHOWN_PROBLEMS = 12;
const keepIn = (scenario: string) => async (name: string, text: string) => {
  if (given.logs === undefined) return;
  const folder = join(given.logs, scenario);
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, `${name}.log`), text);
};
const table: Record<string, unknown>[] = [];
let failures = 0;
for (const name of names) {
  const began = Date.now();
  const logProgress = (text: string) =>
    console.log(`[${name} ${((Date.now() - began) / 1000).toFixed(0)} s] ${text}`);
  logProgress('starts');
  const keep = keepIn(name);
  const context = { executions: Number(given.executions), script: given.server, logProgress, keep };
  const found = await SCENARIOS[name]!(context).catch((error: Error) => error);
  if (typeof found === 'string') {
    table.push({ scenario: name, verdict: `not run: ${found}` });
  } else if (found instanceof Error) {
    failures += 1;
    console.error(found);
    table.push({ scenario: name, verdict: `FAILED: ${found.message.slice(0, 80)}` });
  } else {
    const { row, isWrong } = summarise(name, found);
    if (isWrong) failures += 1;
    table.push(row);
    for (const problem of found.problems.slice(0, SHOWN_PROBLEMS)) console.log(`  ${problem}`);
    if (found.problems.length > SHOWN_PROBLEMS) console.log(`  … ${found.problems.length} lines`);
    await keep('problems', found.problems.join('\n'));
  }
  console.log(JSON.stringify({ ...table.at(-1), seconds: Math.round((Date.now() - began) / 1000) }));
}
console.table(table);
process.exit(failures === 0 ? 0 : 1);
