import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { freePorts } from './free-ports.ts';

/** Whether this machine has the program `nats-server`. */
export const HAS_NATS = spawnSync('nats-server', ['--version']).status === 0;

/** A real NATS server, in a process that can be killed or stopped, on the same port each time. */
export class NatsServer {
  readonly port: number;
  private readonly args: readonly string[];
  private child: ChildProcess | undefined;

  private constructor(port: number, args: readonly string[]) {
    this.port = port;
    this.args = args;
  }

  /** @param args further arguments of the program */
  static async start(...args: string[]): Promise<NatsServer> {
    const [port] = await freePorts(1);
    const server = new NatsServer(port!, args);
    await server.run();
    return server;
  }

  get url(): string {
    return `nats://127.0.0.1:${this.port}`;
  }

  get pid(): number {
    return this.child!.pid!;
  }

  /** Starts the program again. Resolves when it accepts connections. */
  async run(): Promise<void> {
    const child = spawn('nats-server', ['--addr', '127.0.0.1', '--port', String(this.port), ...this.args], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    this.child = child;
    let output = '';
    const ready = Promise.withResolvers<void>();
    child.stderr.on('data', (data: Buffer) => {
      output += data.toString();
      if (output.includes('Server is ready')) ready.resolve();
    });
    child.once('exit', () => ready.reject(new Error(`nats-server ended:\n${output}`)));
    await ready.promise;
  }

  /** Stops or continues the process, as a machine that hangs. */
  signal(signal: 'SIGSTOP' | 'SIGCONT'): void {
    this.child!.kill(signal);
  }

  async kill(): Promise<void> {
    const { child } = this;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    child.kill('SIGKILL');
    await exited;
  }
}
