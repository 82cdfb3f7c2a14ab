import { readFileSync } from 'node:fs';
import type { Build, ServerProcess } from './build.ts';
import { type Memory, MEMORY_OPTIONS, memoryOf } from './memory.ts';

/** A server on a fixed port that is ended and started again. */
export class RestartedServer {
  readonly url: string;
  private readonly build: Build;
  private readonly settings: Record<string, string>;
  private process: ServerProcess;

  private constructor(build: Build, settings: Record<string, string>, process: ServerProcess, url: string) {
    this.build = build;
    this.settings = settings;
    this.process = process;
    this.url = url;
  }

  /** @param settings with a PORT */
  static async start(build: Build, settings: Record<string, string>): Promise<RestartedServer> {
    const process = build.spawn(settings, MEMORY_OPTIONS);
    return new RestartedServer(build, settings, process, await process.listening);
  }

  /** Ends the process and starts it at once. @returns ms from the signal until it has ended, and until it listens again */
  async restart(signal: 'SIGTERM' | 'SIGKILL'): Promise<{ endedMs: number; listensMs: number }> {
    const began = Date.now();
    await this.process.end(signal);
    const endedMs = Date.now() - began;
    this.process = this.build.spawn(this.settings, MEMORY_OPTIONS);
    await this.process.listening;
    return { endedMs, listensMs: Date.now() - began };
  }

  /** Collects garbage and returns the memory that is left. */
  memory(): Promise<Memory> {
    return memoryOf(this.process);
  }

  /** Returns the resident memory in bytes. Linux only. */
  resident(): number {
    const status = readFileSync(`/proc/${this.process.pid}/status`, 'utf8');
    return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0) * 1024;
  }

  stop(): Promise<void> {
    return this.process.end();
  }
}
