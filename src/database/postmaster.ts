import { readFileSync } from 'node:fs';
import { readFile, readlink, realpath, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const BEGINNING_MS = 5_000;

/** A running server: its process and where it listens on 127.0.0.1. */
export interface Postmaster {
  pid: number;
  port: number;
}

/** The server that runs on the cluster: left behind by a killed process of ours, or another's. */
export async function readPostmaster(cluster: string): Promise<Postmaster | undefined> {
  const deadline = performance.now() + BEGINNING_MS;
  for (;;) {
    const lines = await readLockFile(cluster);
    const [pid, port] = [Number(lines[0]), Number(lines[3])];
    if (!pid || !(await runsOn(cluster, pid))) return undefined;
    if (port) return { pid, port };
    // It has only just begun: the port is written a little later.
    if (performance.now() > deadline) return undefined;
    await sleep(25);
  }
}

/**
 * The process id in the lock file may be that of any program by now, as after a power cut, or of a PostgreSQL that was killed
 * and whose parent has not asked for its end. PostgreSQL would refuse to start for as long as there is a process with this
 * id. It ignores the id of its own parent, which is this process.
 */
export async function freeLockFile(cluster: string): Promise<void> {
  const [first, ...rest] = await readLockFile(cluster);
  const pid = Number(first);
  if (!pid || !exists(pid) || (await runsOn(cluster, pid))) return;
  await writeFile(join(cluster, LOCK_FILE), [process.pid, ...rest].join('\n'));
}

const LOCK_FILE = 'postmaster.pid';

const readLockFile = async (cluster: string): Promise<string[]> =>
  (await readFile(join(cluster, LOCK_FILE), 'utf8').catch(() => '')).split('\n');

/** Whether the process is the PostgreSQL of this cluster. Where /proc is missing, the lock file is believed. */
async function runsOn(cluster: string, pid: number): Promise<boolean> {
  if (!isAlive(pid)) return false;
  if (process.platform !== 'linux') return true;
  const command = await readFile(`/proc/${pid}/comm`, 'utf8').catch(() => '');
  if (command.trim() !== 'postgres') return false;
  // The folder that it works in is its cluster. Root may not look there in every container.
  const folder = await readlink(`/proc/${pid}/cwd`).catch(() => undefined);
  return folder === undefined || folder === (await realpath(cluster));
}

/** Whether the process runs. One that has ended, and whose parent has not asked for its end, does not. */
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
    // After the name in parentheses, which may contain some (proc_pid_stat(5)).
    return status[status.lastIndexOf(')') + 2] === 'Z';
  } catch {
    return false;
  }
}

/** Open transactions are rolled back. */
export async function stopServer(pid: number): Promise<void> {
  if (!isAlive(pid)) return;
  process.kill(pid, 'SIGINT');
  while (isAlive(pid)) await sleep(20);
}
