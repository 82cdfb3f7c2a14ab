import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { abortable } from '../../common/abortable.js';

const here = fileURLToPath(import.meta.url);
const PROGRAM = here.replace(/transform-process(\.[a-z]+)$/, 'transform.worker$1');
const SCHEMA_PROGRAM = here.replace(/transform-process(\.[a-z]+)$/, 'json-schema.realm$1');
const LIBRARY = createRequire(here).resolve('jsonata');
/** The folder of the library's files. */
const SCHEMA_LIBRARY = dirname(createRequire(here).resolve('@cfworker/json-schema'));
/** The only files and folders that a process may read. It may not write files or start processes. */
const READABLE = [PROGRAM, SCHEMA_PROGRAM, LIBRARY, `${SCHEMA_LIBRARY}/`, ...packageFiles(PROGRAM)];
/** How many of its latest projects a process counts as known. It is fewer than the realms that a process keeps. */
const MAX_KNOWN_PROJECTS = 12;

/** A text of a posted workflow: JSONata, or a JSON Schema as JSON. */
export interface CheckedText {
  kind: 'expression' | 'schema';
  text: string;
}

/** A job for a process, on behalf of one project. */
export type TransformJob = { projectId: string } & (
  | { kind: 'check'; texts: readonly CheckedText[] }
  | { kind: 'validate'; schema: string; value: string }
  | { kind: 'evaluate'; expression: string; document: string; maxBytes: number }
  | { kind: 'test'; expressions: readonly string[]; document: string }
);

/** What a process reports when it starts an expression or a schema. */
interface TransformProgress {
  /** The index of the expression or schema in its job. */
  index: number;
  /** The outcome of the condition before it. */
  outcome?: string;
}

/** The result of a job. */
export interface TransformAnswer {
  /** The problem of each expression and the list of problems of each schema, as JSON, in the order of the texts. */
  problems?: (string | null | undefined)[];
  /** The value of an evaluated expression, or the problems of a validated value. */
  json?: string;
  /** Why an evaluation failed. */
  error?: string;
  /** The outcome of the last condition. */
  outcome?: string;
}

/** What `TransformProcess.run` does at each report of the process. */
export interface ProgressOptions {
  /** Indexes of the texts at which the time starts again. */
  restartAt?: { has(index: number): boolean };
  onProgress?: (progress: TransformProgress) => void;
}

/** The process was killed, or died, before it finished its job. */
export class TransformStoppedError extends Error {
  override readonly name = 'TransformStoppedError';

  /**
   * @param exceeded the limit that the job exceeded; `memory` also means any other unexpected end of the process
   * @param textIndex the expression or schema that the process was working on
   */
  constructor(
    readonly exceeded: 'time' | 'memory',
    readonly textIndex: number,
  ) {
    super(`the process was ended: it exceeded its limit of ${exceeded}`);
  }
}

/** One process that parses and evaluates JSONata and validates by JSON Schema, one job at a time. */
export class TransformProcess {
  /** The projects of its latest jobs, the most recent one last. */
  private readonly projects = new Set<string>();
  private isKilled = false;
  /** Resolves when the process has started; false if it cannot start. */
  readonly ready: Promise<boolean>;
  private readonly child: ChildProcess;

  /** @param all the set of running processes; this one belongs to it until it exits */
  constructor(memoryMB: number, all: Set<TransformProcess>) {
    this.child = fork(PROGRAM, [LIBRARY, SCHEMA_LIBRARY], {
      // An empty environment, so that the process knows no secrets.
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
    // Without a listener an 'error' would end the server. An 'exit' follows it.
    this.child.on('error', () => this.kill());
    this.ready = Promise.race([
      once(this.child, 'message').then(() => true),
      once(this.child, 'exit').then(() => false),
    ]).catch(() => false);
  }

  /** Whether the process can take a job. */
  get isUsable(): boolean {
    return this.child.connected && !this.isKilled;
  }

  /** Whether the process already has the realm of this project, so that it need not create one. */
  hasRealm(projectId: string): boolean {
    return this.projects.has(projectId);
  }

  /**
   * Runs a job. Kills the process if the job takes longer than `timeoutMs` or if the signal aborts.
   * @throws TransformStoppedError; the signal's reason
   */
  async run(
    job: TransformJob,
    timeoutMs: number,
    signal: AbortSignal,
    { restartAt, onProgress }: ProgressOptions = {},
  ): Promise<TransformAnswer> {
    const { child } = this;
    const { promise, resolve, reject } = Promise.withResolvers<TransformAnswer>();
    let textIndex = 0;
    let startedAt = performance.now();
    const checkTime = () => {
      const leftMs = startedAt + timeoutMs - performance.now();
      if (leftMs > 0) timer = setTimeout(onTimer, leftMs);
      else reject(new TransformStoppedError('time', textIndex));
    };
    // If the server was busy, the answer may already be waiting in the event loop: handle it first.
    const onTimer = () => setImmediate(checkTime);
    let timer = setTimeout(onTimer, timeoutMs);
    const onMessage = (message: TransformProgress | TransformAnswer) => {
      if (!('index' in message)) return resolve(message);
      textIndex = message.index;
      if (restartAt?.has(message.index)) startedAt = performance.now();
      onProgress?.(message);
    };
    const onExit = () => reject(new TransformStoppedError('memory', textIndex));
    child.on('message', onMessage);
    child.once('exit', onExit);
    try {
      signal.throwIfAborted();
      // Schemas do not need the project's realm.
      if (job.kind !== 'validate') this.rememberProject(job.projectId);
      child.send(job, (error) => error && onExit());
      return await abortable(promise, signal);
    } catch (error) {
      this.kill();
      throw error;
    } finally {
      clearTimeout(timer);
      child.off('message', onMessage);
      child.off('exit', onExit);
    }
  }

  /** Keeps the server running until the process has finished its job. */
  ref(): void {
    this.child.ref();
    this.child.channel?.ref();
  }

  /** Lets the server exit while the process is idle. */
  unref(): void {
    this.child.unref();
    this.child.channel?.unref();
  }

  kill(): void {
    this.isKilled = true;
    this.child.kill('SIGKILL');
  }

  private rememberProject(projectId: string): void {
    this.projects.delete(projectId);
    this.projects.add(projectId);
    const [oldest] = this.projects;
    if (this.projects.size > MAX_KNOWN_PROJECTS) this.projects.delete(oldest!);
  }
}

/** The flags of Node's permission model, if this version of Node has it (from 22.13). */
function permissions(): string[] {
  if (!process.allowedNodeEnvironmentFlags.has('--permission')) return [];
  return ['--permission', ...READABLE.map((path) => `--allow-fs-read=${path}`)];
}

/** The package.json files that Node reads in all parent folders to find out whether a file is an ES module. */
function packageFiles(path: string): string[] {
  const files: string[] = [];
  for (let folder = dirname(path); folder !== dirname(folder); folder = dirname(folder))
    files.push(`${folder}/package.json`);
  return files;
}
