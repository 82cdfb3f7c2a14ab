import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

const CAN_PIN = spawnSync('taskset', ['-c', '0', 'true']).status === 0;

interface Reply {
  call: number;
  value?: unknown;
  error?: string;
}

/** A process of the benchmark that answers calls over IPC. It is pinned to a core if `taskset` exists. */
export class Remote {
  private readonly waiting = new Map<number, PromiseWithResolvers<unknown>>();
  private calls = 0;

  readonly name: string;
  private readonly child: ChildProcess;

  private constructor(name: string, child: ChildProcess) {
    this.name = name;
    this.child = child;
    child.on('message', (reply: Reply) => {
      const waiting = this.waiting.get(reply.call);
      this.waiting.delete(reply.call);
      if (reply.error === undefined) waiting?.resolve(reply.value);
      else waiting?.reject(new Error(`${name}: ${reply.error}`));
    });
    child.once('exit', (code, signal) => {
      for (const { reject } of this.waiting.values()) reject(new Error(`${name} ended: ${code ?? signal}`));
      this.waiting.clear();
    });
  }

  static start(
    name: string,
    core: number,
    script: string,
    args: string[],
    env: Record<string, string> = {},
  ): Remote {
    // The same semi-space size as in `npm start`, for the peers too.
    const node = [
      process.execPath,
      '--expose-gc',
      '--max-semi-space-size=8',
      new URL(script, import.meta.url).pathname,
      ...args,
    ];
    const command = CAN_PIN ? ['taskset', '-c', String(core), ...node] : node;
    const child = spawn(command[0]!, command.slice(1), {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      env: { PATH: process.env['PATH'], ...env },
    });
    return new Remote(name, child);
  }

  call<T>(method: string, ...args: unknown[]): Promise<T> {
    const waiting = Promise.withResolvers<unknown>();
    this.calls += 1;
    this.waiting.set(this.calls, waiting);
    this.child.send({ call: this.calls, method, args });
    return waiting.promise as Promise<T>;
  }

  /** Returns the resident memory in bytes. @param pid another process whose memory is measured instead */
  resident(pid = this.child.pid): number {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8');
    return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0) * 1024;
  }

  async stop(): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const exited = new Promise((resolve) => this.child.once('exit', resolve));
    await this.call('stop').catch(() => undefined);
    this.child.disconnect();
    const timer = setTimeout(() => this.child.kill('SIGKILL'), 10_000);
    await exited;
    clearTimeout(timer);
  }
}

/** Answers the calls of a `Remote`, inside its process. */
export function answerCalls(methods: Record<string, (...args: never[]) => unknown>): void {
  process.on('message', ({ call, method, args }: { call: number; method: string; args: never[] }) => {
    Promise.resolve()
      .then(() => methods[method]!(...args))
      .then(
        (value) => process.send?.({ call, value }),
        (error: Error) => process.send?.({ call, error: error.stack ?? String(error) }),
      );
  });
  process.on('disconnect', () => process.exit(0));
}
