import { spawn } from 'node:child_process';
import { resolve } from 'node:path';

const CLI = resolve('dist/cli/main.js');

export interface EndedCommand {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** Runs the `cloutagent` command in a folder, with nothing in its environment but what is given. */
export function runCommand(
  args: readonly string[],
  { cwd, env, stdin = '' }: { cwd: string; env: Record<string, string>; stdin?: string },
): Promise<EndedCommand> {
  const child = spawn(process.execPath, [CLI, ...args], { cwd, env: { PATH: process.env['PATH'], ...env } });
  const ended: EndedCommand = { code: null, stdout: '', stderr: '' };
  child.stdout.on('data', (data: Buffer) => (ended.stdout += data.toString()));
  child.stderr.on('data', (data: Buffer) => (ended.stderr += data.toString()));
  child.stdin.end(stdin);
  return new Promise((done) => child.once('close', (code) => done({ ...ended, code })));
}
