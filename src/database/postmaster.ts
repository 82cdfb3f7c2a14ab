import { readFileSync } from 'node:fs';
import { readFile, readlink, realpath, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const LOCK_FILE = 'postmaster.pid';
/** How long a starting server may take to write its port. */
const PORT_TIMEOUT_MS = 5_000;

/** A running PostgreSQL server: its process id, and its port on 127.0.0.1. */
export interface Postmaster {
  pid: number;
  port: number;
}

/** Finds the server that runs on the cluster. A killed process may have left it, or another process may use it. */
export async function readPostmaster(cluster: string): Promise<Postmaster | undefined> {
  const deadline = performance.now() + PORT_TIMEOUT_MS;
  for (;;) {
    const lines = await readLockFile(cluster);
    const [pid, port] = [Number(lines[0]), Number(lines[3])];
    if (!pid || !(await runsOn(cluster, pid))) return undefined;
    if (port) return { pid, port };
    // A server that is starting writes its port a little later than its process id.
    if (performance.now() > deadline) return undefined;
    await sleep(25);
  }
}

/**
 * Makes sure that a stale lock file does not keep PostgreSQL from starting. PostgreSQL refuses to start while a process has
 * the id in the lock file. After a power cut that may be any program, and a killed PostgreSQL keeps its id while it is a
 * zombie. PostgreSQL ignores the id of its parent, which is this process, so that id is written instead.
 */
export async function freeLockFile(cluster: string): Promise<void> {
  const [first, ...rest] = await readLockFile(cluster);
  const pid = Number(first);
  if (!pid || !exists(pid) || (await runsOn(cluster, pid))) return;
  await writeFile(join(cluster, LOCK_FILE), [process.pid, ...rest].join('\n'));
}

const readLockFile = async (cluster: string): Promise<string[]> =>
  (await readFile(join(cluster, LOCK_FILE), 'utf8').catch(() => '')).split('\n');

/** Whether the process is the PostgreSQL of this cluster. On systems without /proc the lock file is trusted. */
async function runsOn(cluster: string, pid: number): Promise<boolean> {
  if (!isAlive(pid)) return false;
  if (process.platform !== 'linux') return true;
  const command = await readFile(`/proc/${pid}/comm`, 'utf8').catch(() => '');
  if (command.trim() !== 'postgres') return false;
  // PostgreSQL's working directory is its cluster. In some containers even root may not read it.
  const folder = await readlink(`/proc/${pid}/cwd`).catch(() => undefined);
  return folder === undefined || folder === (await realpath(cluster));
}

/** Whether the process is running. A zombie is not. */
export function isAlive(pid: number): boolean {
  return exists(pid) && !isZombie(pid);
}

function exists(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

function isZombie(pid: number): boolean {
  try {
    const status = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The state follows the name in parentheses, which may itself contain parentheses (proc_pid_stat(5)).
    return status[status.lastIndexOf(')') + 2] === 'Z';
  } catch {
    return false;
  }
}

/** Stops the server and waits for its end. Open transactions are rolled back. */
export async function stopServer(pid: number): Promise<void> {
  if (!isAlive(pid)) return;
  process.kill(pid, 'SIGINT');
  while (isAlive(pid)) await sleep(20);
}
