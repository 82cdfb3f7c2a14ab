import { execFile } from 'node:child_process';
import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { ADMIN_KEY, createDatabase, Server } from './support/server.js';

const run = promisify(execFile);
const root = process.cwd();

/** Runs a script of Node. Shows what it printed if it fails. */
async function node(...args: string[]): Promise<string> {
  try {
    return (await run(process.execPath, args, { cwd: root })).stdout;
  } catch (error) {
    const { stdout, stderr } = error as { stdout: string; stderr: string };
    throw new Error(`node ${args.join(' ')} failed:\n${stdout}${stderr}`, { cause: error });
  }
}

describe('clients that are generated from the OpenAPI document', () => {
  let server: Server;
  let folder: string;

  beforeAll(async () => {
    server = await Server.start({ DATABASE_URL: await createDatabase() });
    // Inside the build folder, so that Node finds the installed packages.
    folder = await mkdtemp(join(root, 'dist', '.generated-clients-'));
    await cp(join(root, 'test/generated-clients'), folder, { recursive: true });
    await writeFile(join(folder, 'openapi.json'), (await server.call('GET', '/docs/openapi.json')).text);
    await node(join(folder, 'generate.mjs'), folder);
  });
  afterAll(async () => {
    await server.kill('SIGTERM');
    await rm(folder, { recursive: true, force: true });
  });

  it.each([
    ['openapi-fetch and orval, with exactOptionalPropertyTypes', 'tsconfig.json'],
    ['hey-api', 'tsconfig.hey-api.json'],
  ])('compile in strict mode: %s', async (_name, config) => {
    const compiler = join(root, 'node_modules/typescript/bin/tsc');
    expect(await node(compiler, '-p', join(folder, config))).toBe('');
  });

  it.each(['openapi-fetch', 'hey-api', 'orval'])('work against the server: %s', async (name) => {
    const { started, frames, ...rest } = JSON.parse(
      await node(join(folder, 'dist', `${name}.js`), server.url, ADMIN_KEY),
    ) as { started: { status: string; location: string }; frames: string[] };
    expect(started.status).toBe('completed');
    expect(started.location).toMatch(/^\/api\/executions\/[0-9a-f-]{36}$/);
    expect(frames[0]).toBe('connection:established');
    expect(frames).toContain('execution:output');
    expect(frames.at(-1)).toBe('execution:completed');
    expect(rest).toEqual({
      isListed: true,
      problem: { status: 404, code: 'not_found' },
      invalid: ['workflow.nodes'],
      key: { scopes: ['executions:read'], isListed: true, revoked: 204 },
    });
  });
});
