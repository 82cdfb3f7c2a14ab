import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Writable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import type { JSONRPCMessage, Transport } from '@modelcontextprotocol/client';
import type { LocalMcpServer } from '../../config/mcp-servers-setting.js';
import { withTimeLimit } from '../../common/time-limit.js';
import { LineGuard, type LineLimits } from './response-guard.js';

/** The only variables of this server's environment that a child gets: the others hold secrets. */
const INHERITED = [
  'PATH',
  'HOME',
  'USER',
  'LOGNAME',
  'SHELL',
  'LANG',
  'TERM',
  'TMPDIR',
  'SystemRoot',
  'TEMP',
];
const END_MS = 1_000;
/** More than fits into a pipe and the largest arguments: a child that does not read has stopped. */
const MAX_UNREAD_BYTES = 16_777_216;
const MAX_STDERR_LINE = 2_000;

/**
 * The command of the child. A second process waits until the pipe 3 ends, which only happens when this server closes it or
 * dies in any way, and then ends the whole group of processes. So no child outlives this server.
 */
const WATCHED = '(read -r _ <&3; kill -KILL -$$) >/dev/null 2>&1 </dev/null & exec "$@" 3<&-';

/**
 * A connection to an MCP server that is a child process. The official transport has no limit on messages, starts a second
 * process to find out the protocol version, and leaves children when this process is killed.
 */
export class StdioTransport implements Transport {
  onclose?: () => void;
  onerror?: (error: Error) => void;
  onmessage?: (message: JSONRPCMessage) => void;
  /** Gets the error with which the connection ends. */
  onFailure?: (error: Error) => void;

  private child: ChildProcess | undefined;
  private readonly guard: LineGuard;
  private isClosed = false;

  /** @param onStderr gets each line that the child writes to its standard error */
  constructor(
    private readonly server: LocalMcpServer,
    limits: LineLimits,
    private readonly onStderr: (line: string) => void,
  ) {
    this.guard = new LineGuard(limits);
  }

  /** The client sees by `pid` and `stderr` that silence means an older server, and not a broken one. */
  get pid(): number | null {
    return this.child?.pid ?? null;
  }

  get stderr(): null {
    return null;
  }

  async start(): Promise<void> {
    const { command, args = [], env, cwd } = this.server;
    const isPosix = process.platform !== 'win32';
    const [file, given] = isPosix ? ['/bin/sh', ['-c', WATCHED, 'sh', command, ...args]] : [command, args];
    const child = spawn(file, given, {
      env: { ...inherited(), ...env },
      cwd,
      stdio: ['pipe', 'pipe', 'pipe', 'pipe'],
      detached: isPosix,
      windowsHide: true,
    });
    this.child = child;
    for (const stream of child.stdio) stream?.on('error', () => undefined);
    child.once('exit', (code, signal) =>
      this.fail(new Error(`its process has ended (${signal ?? `code ${code}`})`)),
    );
    child.stdout.on('data', (chunk: Buffer) => this.receive(chunk));
    this.readStderr(child);
    await once(child, 'spawn');
    child.on('error', (error) => this.fail(error));
  }

  send(message: JSONRPCMessage): Promise<void> {
    const stdin = this.child?.stdin;
    if (this.isClosed || !stdin?.writable) return Promise.reject(new Error('its process has ended'));
    if (stdin.writableLength > MAX_UNREAD_BYTES) {
      this.fail(new Error('its process reads no more'));
      return Promise.reject(new Error('its process reads no more'));
    }
    if ('method' in message && 'id' in message) this.guard.reset();
    stdin.write(`${JSON.stringify(message)}\n`);
    return Promise.resolve();
  }

  /** Ends the child: politely, then by force. */
  async close(): Promise<void> {
    const { child } = this;
    const isOpen = !this.isClosed;
    this.isClosed = true;
    if (isOpen) this.onclose?.();
    if (!child || child.exitCode !== null || child.signalCode !== null) return this.kill();
    const exited = once(child, 'exit');
    child.stdin?.end();
    await Promise.race([exited, sleep(END_MS, undefined, { ref: false })]);
    if (child.exitCode === null && child.signalCode === null) {
      child.kill('SIGTERM');
      await Promise.race([exited, sleep(END_MS, undefined, { ref: false })]);
    }
    this.kill();
    await withTimeLimit(exited, END_MS, () => new Error('the process does not end')).catch(() => undefined);
  }

  private receive(chunk: Buffer): void {
    if (this.isClosed) return;
    try {
      for (const line of this.guard.lines(chunk)) this.dispatch(line.toString('utf8').trim());
    } catch (error) {
      this.fail(error as Error);
    }
  }

  private dispatch(line: string): void {
    if (line === '' || this.isClosed) return;
    let message: unknown;
    try {
      message = JSON.parse(line);
    } catch {
      return; // Many servers print other lines too.
    }
    if (typeof message !== 'object' || message === null || Array.isArray(message)) return;
    try {
      this.onmessage?.(message as JSONRPCMessage);
    } catch (error) {
      this.onerror?.(error as Error);
    }
  }

  private fail(error: Error): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.onFailure?.(error);
    this.kill();
    this.onclose?.();
  }

  /** Ends the child and all processes that it has started in its group. */
  private kill(): void {
    const watched = this.child?.stdio[3] as Writable | null | undefined;
    watched?.destroy();
    if (this.child?.exitCode === null && this.child.signalCode === null) this.child.kill('SIGKILL');
    this.child?.stdout?.destroy();
    this.child?.stderr?.destroy();
  }

  private readStderr(child: ChildProcess): void {
    let rest = '';
    child.stderr!.setEncoding('utf8').on('data', (text: string) => {
      const lines = (rest + text).split('\n');
      rest = lines.pop()!.slice(0, MAX_STDERR_LINE);
      for (const line of lines) if (line.trim() !== '') this.onStderr(line.slice(0, MAX_STDERR_LINE));
    });
  }
}

function inherited(): Record<string, string> {
  // These variables are no settings of this server.
  // oxlint-disable-next-line node/no-process-env
  const { env } = process;
  return Object.fromEntries(
    INHERITED.flatMap((name) => (env[name] === undefined ? [] : [[name, env[name]]])),
  );
}
