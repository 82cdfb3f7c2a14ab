import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { parseEnv } from 'node:util';

export const KEY = 'bench-administrator-key-of-32-characters';

/** A checkout of the project with its `dist`: this one, or another one to compare with. */
export class Build {
  readonly name: 'ours' | 'against';
  private readonly folder: string;

  private constructor(name: 'ours' | 'against', folder: string) {
    this.name = name;
    this.folder = folder;
  }

  /** Lists the builds to measure. @param against folder of another build; undefined measures this one alone */
  static list(against: string | undefined): Build[] {
    const ours = new Build('ours', fileURLToPath(new URL('../..', import.meta.url)));
    return against === undefined ? [ours] : [ours, new Build('against', resolve(against))];
  }

  /** The commit that is checked out in its folder, with a `+` if files differ from it. */
  get commit(): string {
    const git = (...args: string[]): string =>
      spawnSync('git', ['-C', this.folder, ...args], { encoding: 'utf8' }).stdout.trim();
    return `${git('rev-parse', '--short', 'HEAD')}${git('status', '--porcelain', '-uno') === '' ? '' : '+'}`;
  }

  /** Returns the default settings of this build. */
  settings(): NodeJS.Dict<string> {
    return parseEnv(readFileSync(`${this.folder}/.env.example`, 'utf8'));
  }

  /** Starts a process of this build, as `npm start` does, without waiting until it listens. */
  spawn(settings: Record<string, string>, nodeOptions: readonly string[] = []): ServerProcess {
    const env = { PATH: process.env['PATH'], PORT: '0', BOOTSTRAP_API_KEY: KEY, ...settings };
    const args = ['--max-semi-space-size=8', ...nodeOptions, 'dist/main.js'];
    return new ServerProcess(
      spawn(process.execPath, args, { cwd: this.folder, env, stdio: ['ignore', 'pipe', 'inherit'] }),
    );
  }

  /** Starts a process of this build and waits until it listens. */
  async start(settings: Record<string, string>): Promise<ServerProcess> {
    const server = this.spawn(settings);
    await server.listening;
    return server;
  }
}

/** A running server. */
export class ServerProcess {
  /** Resolves with its address when it listens. */
  readonly listening: Promise<string>;
  /** Its output so far. */
  output = '';
  private readonly child: ChildProcess;

  constructor(child: ChildProcess) {
    this.child = child;
    const ready = Promise.withResolvers<string>();
    child.stdout!.on('data', (data: Buffer) => {
      this.output += data.toString();
      const url = /listens on (\S+);/.exec(this.output)?.[1];
      if (url) ready.resolve(url);
    });
    child.once('exit', (code, signal) =>
      ready.reject(new Error(`the server ended (${code ?? signal}):\n${this.output}`)),
    );
    this.listening = ready.promise;
    this.listening.catch(() => undefined);
  }

  get pid(): number {
    return this.child.pid!;
  }

  /** Sends a signal and waits until the process has exited. */
  async end(signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM'): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const exited = once(this.child, 'exit');
    this.child.kill(signal);
    await exited;
  }
}
