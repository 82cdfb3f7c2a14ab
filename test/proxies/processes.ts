import { type ChildProcess, spawn } from 'node:child_process';
import { chownSync, closeSync, openSync, readFileSync } from 'node:fs';
import { once } from 'node:events';
import { mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';

/** If this process is root, the programs run as the user `nobody`. */
const NOBODY = process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : {};
const STOP_MS = 10_000;

/** Every running process. Each has a process group of its own, together with its children. */
const running = new Set<Process>();
process.on('exit', () => {
  for (const each of running) each.kill('SIGKILL');
});

/** Rejects on SIGINT and SIGTERM, so that the caller can stop the programs before it ends. */
export const interrupted = new Promise<never>((_resolve, reject) => {
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.on(signal, () => reject(new Error(`interrupted by ${signal}`)));
});
interrupted.catch(() => undefined);

export const stopAll = async (): Promise<void> => {
  await Promise.all([...running].map((each) => each.stop()));
};

/** A program in the foreground. `stop` also stops its children. */
export class Process {
  readonly ended: Promise<unknown>;
  private readonly child: ChildProcess;
  private readonly logFile: string;

  constructor(
    program: string,
    args: readonly string[],
    options: { folder: string; log: string; env?: Record<string, string>; privileged?: boolean },
  ) {
    this.logFile = options.log;
    const log = openSync(options.log, 'a');
    this.child = spawn(program, args, {
      cwd: options.folder,
      detached: true,
      stdio: ['ignore', log, log],
      env: { PATH: process.env['PATH'], HOME: options.folder, TMPDIR: options.folder, ...options.env },
      ...(options.privileged ? {} : NOBODY),
    });
    closeSync(log);
    running.add(this);
    this.ended = once(this.child, 'exit').finally(() => running.delete(this));
    this.ended.catch(() => undefined);
  }

  get hasEnded(): boolean {
    return this.child.exitCode !== null || this.child.signalCode !== null;
  }

  get log(): string {
    return readFileSync(this.logFile, 'utf8');
  }

  kill(signal: NodeJS.Signals): void {
    try {
      if (this.child.pid !== undefined) process.kill(-this.child.pid, signal);
    } catch {
      // The process group has already ended.
    }
  }

  async stop(): Promise<void> {
    this.kill('SIGTERM');
    const timer = setTimeout(() => this.kill('SIGKILL'), STOP_MS);
    if (!this.hasEnded) await this.ended;
    clearTimeout(timer);
    // Children may outlive the first process of the group.
    this.kill('SIGKILL');
  }
}

/** Creates a folder that the programs can write to. */
export async function makeFolder(parent: string, name: string): Promise<string> {
  const folder = await mkdtemp(join(parent, `${name}-`));
  if (NOBODY.uid !== undefined) chownSync(folder, NOBODY.uid, NOBODY.gid);
  return folder;
}
