import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = fileURLToPath(import.meta.url);
const PROGRAM = here.replace(/transform-process(\.[a-z]+)$/, 'transform.worker$1');
const LIBRARY = createRequire(here).resolve('jsonata');
/** All that a process may read. It may write nothing and start nothing. */
const READABLE = [PROGRAM, LIBRARY, ...packageFiles(PROGRAM)];
/** Projects whose realm a process has for certain: fewer than it keeps. */
const KNOWN_PROJECTS = 12;

/** What a process is asked to do, for one project. */
export type TransformJob = { projectId: string } & (
  | { kind: 'check'; expressions: readonly string[] }
  | { kind: 'evaluate'; expression: string; document: string; mostBytes: number }
);

/** What it answers: the problems of the expressions in their order, a result as JSON, or what went wrong. */
export interface TransformAnswer {
  problems?: (string | null | undefined)[];
  json?: string;
  error?: string;
}

/** The process was ended before it answered. */
export class TransformStoppedError extends Error {
  override readonly name = 'TransformStoppedError';

  /** @param reached index of the expression that it was checking */
  constructor(
    readonly why: 'time' | 'memory',
    readonly reached: number,
  ) {
    super(`the process was ended: ${why}`);
  }
}

/** One process that parses and evaluates JSONata, one job at a time. */
export class TransformProcess {
  /** Projects that it has worked for lately, the last one at the end. */
  private readonly projects = new Set<string>();

  private killed = false;

  /** Whether it has started; false when it cannot be. */
  readonly ready: Promise<boolean>;
  private readonly child: ChildProcess;

  /** @param all the processes that run, this one from now on until it ends */
  constructor(memoryMB: number, all: Set<TransformProcess>) {
    this.child = fork(PROGRAM, [LIBRARY], {
      // No secrets: not even the environment is known there.
      env: {},
      execArgv: [
        `--max-old-space-size=${memoryMB}`,
        '--disallow-code-generation-from-strings',
        ...permissions(),
      ],
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    });
    all.add(this);
    this.child.once('exit', () => all.delete(this));
    // An 'exit' follows; without a listener the server would end.
    this.child.on('error', () => this.kill());
    this.ready = Promise.race([
      once(this.child, 'message').then(() => true),
      once(this.child, 'exit').then(() => false),
    ]).catch(() => false);
  }

  /** Whether it can be given a job. */
  get isUsable(): boolean {
    return this.child.connected && !this.killed;
  }

  /** Whether it has the realm of this project, so that its next expression begins at once. */
  knows(projectId: string): boolean {
    return this.projects.has(projectId);
  }

  /**
   * Does a job. The process is ended when it takes longer than `mostMs` or when the signal aborts.
   * @param restarts indexes of expressions at which the time begins anew
   * @throws TransformStoppedError; the signal's reason
   */
  async ask(
    job: TransformJob,
    mostMs: number,
    signal: AbortSignal,
    restarts?: ReadonlySet<number>,
  ): Promise<TransformAnswer> {
    const { child } = this;
    const { promise, resolve, reject } = Promise.withResolvers<TransformAnswer>();
    let reached = 0;
    let since = performance.now();
    const onTime = () => {
      const left = since + mostMs - performance.now();
      if (left > 0) timer = setTimeout(onTimer, left);
      else reject(new TransformStoppedError('time', reached));
    };
    // An answer may have arrived while this process was busy: it comes first.
    const onTimer = () => setImmediate(onTime);
    let timer = setTimeout(onTimer, mostMs);
    const onMessage = (message: number | TransformAnswer) => {
      if (typeof message !== 'number') return resolve(message);
      reached = message;
      if (restarts?.has(message)) since = performance.now();
    };
    const onAbort = () => reject(signal.reason as Error);
    const onExit = () => reject(new TransformStoppedError('memory', reached));
    signal.addEventListener('abort', onAbort, { once: true });
    child.on('message', onMessage);
    child.once('exit', onExit);
    try {
      signal.throwIfAborted();
      this.note(job.projectId);
      child.send(job, (error) => error && onExit());
      return await promise;
    } catch (error) {
      this.kill();
      throw error;
    } finally {
      clearTimeout(timer);
      signal.removeEventListener('abort', onAbort);
      child.off('message', onMessage);
      child.off('exit', onExit);
    }
  }

  /** Whether the server waits for it before it ends by itself. */
  hold(isHeld: boolean): void {
    const verb = isHeld ? 'ref' : 'unref';
    this.child[verb]();
    this.child.channel?.[verb]();
  }

  kill(): void {
    this.killed = true;
    this.child.kill('SIGKILL');
  }

  private note(projectId: string): void {
    this.projects.delete(projectId);
    this.projects.add(projectId);
    const [oldest] = this.projects;
    if (this.projects.size > KNOWN_PROJECTS) this.projects.delete(oldest!);
  }
}

/** Node's permission model, where this Node has it (from 22.13). */
function permissions(): string[] {
  if (!process.allowedNodeEnvironmentFlags.has('--permission')) return [];
  return ['--permission', ...READABLE.map((path) => `--allow-fs-read=${path}`)];
}

/** Node reads these on the way up to learn whether a file is an ES module. */
function packageFiles(path: string): string[] {
  const files: string[] = [];
  for (let folder = dirname(path); folder !== dirname(folder); folder = dirname(folder))
    files.push(`${folder}/package.json`);
  return files;
}
