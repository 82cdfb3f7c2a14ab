import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Inject, Injectable, type OnApplicationShutdown } from '@nestjs/common';
import type { Json } from '@cloutagent/contract';
import { Settings } from '../../config/settings.js';
import { NodeError } from '../node-handler.js';

const here = fileURLToPath(import.meta.url);
const PROGRAM = here.replace(/transform-workers(\.[a-z]+)$/, 'transform.worker$1');
const LIBRARY = createRequire(here).resolve('jsonata');
/** All that a process may read. It may write nothing and start nothing. */
const READABLE = [PROGRAM, LIBRARY, ...packageFiles(PROGRAM)];

type Outcome = { json: string } | { error: string };

/**
 * Evaluates JSONata in processes apart. An expression can loop, recurse, backtrack in a regular
 * expression or fill the memory, and nothing in its own event loop can stop it then; one too large
 * allocation in a worker thread even ends the whole server. A process can be killed.
 */
@Injectable()
export class TransformWorkers implements OnApplicationShutdown {
  private readonly idle: ChildProcess[] = [];
  private readonly all = new Set<ChildProcess>();
  private readonly waiting: (() => void)[] = [];
  private free: number;

  constructor(
    @Inject(Settings)
    private readonly settings: Pick<
      Settings,
      'TRANSFORM_TIMEOUT_MS' | 'TRANSFORM_MEMORY_MB' | 'TRANSFORM_PROCESSES' | 'OUTPUT_MAX_BYTES'
    >,
  ) {
    this.free = settings.TRANSFORM_PROCESSES;
  }

  /**
   * @param document what the expression is evaluated on
   * @throws NodeError `transform_failed`; the reason of `signal`
   */
  async evaluate(expression: string, document: Json, signal: AbortSignal): Promise<Json> {
    await this.acquire();
    try {
      signal.throwIfAborted();
      const child = await this.child();
      const outcome = await this.ask(
        child,
        { expression, document: JSON.stringify(document), mostBytes: this.settings.OUTPUT_MAX_BYTES },
        signal,
      );
      this.rest(child);
      if ('error' in outcome)
        throw new NodeError('transform_failed', `The expression failed: ${outcome.error}.`);
      return JSON.parse(outcome.json) as Json;
    } finally {
      this.release();
    }
  }

  /** Not sooner: what is under way when the server is told to stop is handed back first, and must not fail for it. */
  onApplicationShutdown(): void {
    for (const child of this.all) child.kill('SIGKILL');
  }

  private async ask(child: ChildProcess, job: object, signal: AbortSignal): Promise<Outcome> {
    const { promise, resolve, reject } = Promise.withResolvers<Outcome>();
    const { TRANSFORM_TIMEOUT_MS: mostMs, TRANSFORM_MEMORY_MB: mostMB } = this.settings;
    const timer = setTimeout(() => {
      reject(
        new NodeError(
          'transform_failed',
          `The expression took longer than ${mostMs} ms (TRANSFORM_TIMEOUT_MS).`,
        ),
      );
    }, mostMs);
    const onAbort = () => reject(signal.reason as Error);
    const onExit = () => {
      reject(
        new NodeError(
          'transform_failed',
          `The expression brought its process down; mostly that means more than ${mostMB} MB (TRANSFORM_MEMORY_MB).`,
        ),
      );
    };
    signal.addEventListener('abort', onAbort, { once: true });
    child.once('message', resolve);
    child.once('exit', onExit);
    try {
      signal.throwIfAborted();
      child.send(job, (error) => error && onExit());
      return await promise;
    } catch (error) {
      child.kill('SIGKILL');
      throw error;
    } finally {
      clearTimeout(timer);
      signal.removeEventListener('abort', onAbort);
      child.off('message', resolve);
      child.off('exit', onExit);
    }
  }

  private async child(): Promise<ChildProcess> {
    const known = this.idle.pop();
    if (known?.connected) {
      known.ref();
      known.channel?.ref();
      return known;
    }
    const child = fork(PROGRAM, [LIBRARY], {
      // No secrets: not even the environment is known there.
      env: {},
      execArgv: [`--max-old-space-size=${this.settings.TRANSFORM_MEMORY_MB}`, ...permissions()],
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    });
    this.all.add(child);
    child.once('exit', () => this.all.delete(child));
    // An 'exit' follows; without a listener the server would end.
    child.on('error', () => child.kill('SIGKILL'));
    const started = await Promise.race([
      once(child, 'message').then(() => true),
      once(child, 'exit').then(() => false),
    ]);
    if (!started)
      throw new NodeError('transform_failed', 'No process to evaluate the expression in could be started.');
    return child;
  }

  private rest(child: ChildProcess): void {
    // The server may end while it waits.
    child.unref();
    child.channel?.unref();
    this.idle.push(child);
  }

  private async acquire(): Promise<void> {
    if (this.free > 0) this.free -= 1;
    else await new Promise<void>((resolve) => this.waiting.push(resolve));
  }

  private release(): void {
    const next = this.waiting.shift();
    if (next) next();
    else this.free += 1;
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
