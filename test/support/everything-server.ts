import { type ChildProcess, spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import { freePorts } from './free-ports.js';

/** The path of the real server `@modelcontextprotocol/server-everything`. */
export const EVERYTHING = createRequire(import.meta.url).resolve(
  '@modelcontextprotocol/server-everything/dist/index.js',
);

/** Starts the real server over Streamable HTTP. */
export async function startEverything(): Promise<{ url: string; process: ChildProcess }> {
  const [port] = await freePorts(1);
  const child = spawn(process.execPath, [EVERYTHING, 'streamableHttp'], {
    env: { PATH: process.env['PATH'], PORT: String(port) },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const ready = Promise.withResolvers<void>();
  let output = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    output += text;
    if (output.includes('listening on port')) ready.resolve();
  });
  child.once('exit', () => ready.reject(new Error(`server-everything ended:\n${output}`)));
  await ready.promise;
  return { url: `http://localhost:${port}/mcp`, process: child };
}
