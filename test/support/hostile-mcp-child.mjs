// An MCP server over stdio that misbehaves in the way that its argument names.
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

const [behaviour = 'fine', file] = process.argv.slice(2);
const send = (message) => process.stdout.write(`${JSON.stringify(message)}\n`);
const tool = { name: 'act', description: 'Acts.', inputSchema: { type: 'object' } };
const fine = { content: [{ type: 'text', text: 'fine' }] };

if (behaviour === 'exit-at-start') process.exit(3);
if (behaviour === 'ignore-sigterm') process.on('SIGTERM', () => undefined);
if (behaviour === 'noise') process.stdout.write('Welcome!\n{"not": "json-rpc"}\n[1]\nnull\n\n');
if (behaviour === 'stderr-flood') process.stderr.write('x'.repeat(1_000_000));
if (behaviour === 'grandchild') {
  const { writeFileSync } = await import('node:fs');
  const grandchild = spawn(process.execPath, ['-e', 'setInterval(() => undefined, 1000)'], {
    stdio: 'ignore',
  });
  writeFileSync(file, `${process.pid} ${grandchild.pid}`);
}

let calls = 0;
const answers = {
  'server/discover': ({ id }) =>
    behaviour === 'exit-at-discover'
      ? process.exit(4)
      : behaviour === 'silent'
        ? undefined
        : send({ jsonrpc: '2.0', id, error: { code: -32601, message: 'Method not found' } }),
  initialize: ({ id }) =>
    behaviour !== 'silent' &&
    send({
      jsonrpc: '2.0',
      id,
      result: {
        protocolVersion: '2025-06-18',
        capabilities: { tools: { listChanged: true } },
        serverInfo: { name: 'hostile', version: '1' },
      },
    }),
  'tools/list': ({ id }) =>
    send({
      jsonrpc: '2.0',
      id,
      result: { tools: calls > 0 && behaviour === 'changes' ? [{ ...tool, name: 'other' }] : [tool] },
    }),
  'tools/call': ({ id }) => {
    calls += 1;
    if (behaviour === 'exit-at-call') process.exit(5);
    if (behaviour === 'long-line') process.stdout.write('x'.repeat(10_000_000));
    if (behaviour === 'deep') process.stdout.write(`${'['.repeat(50_000)}\n`);
    if (behaviour === 'flood') flood();
    if (behaviour === 'half-message') process.stdout.write('{"jsonrpc":"2.0","id":');
    if (behaviour === 'wrong-id') send({ jsonrpc: '2.0', id: 'nobody', result: fine });
    if (behaviour === 'twice') send({ jsonrpc: '2.0', id, result: fine });
    if (behaviour === 'changes') send({ jsonrpc: '2.0', method: 'notifications/tools/list_changed' });
    if (
      ['fine', 'noise', 'twice', 'changes', 'stderr-flood', 'grandchild', 'ignore-sigterm'].includes(
        behaviour,
      )
    )
      send({ jsonrpc: '2.0', id, result: fine });
  },
};

function flood() {
  const line = `${JSON.stringify({ jsonrpc: '2.0', method: 'notifications/message', params: { level: 'info', data: 'x' } })}\n`;
  while (process.stdout.write(line));
  process.stdout.once('drain', flood);
}

createInterface({ input: process.stdin }).on('line', (line) => {
  const message = JSON.parse(line);
  answers[message.method]?.(message);
});
if (['ignore-sigterm', 'grandchild'].includes(behaviour)) setInterval(() => undefined, 1_000);
