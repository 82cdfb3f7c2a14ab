import { readFile } from 'node:fs/promises';
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
    const lines = (await readFile(join(cluster, 'postmaster.pid'), 'utf8').catch(() => '')).split('\n');
    const [pid, port] = [Number(lines[0]), Number(lines[3])];
    if (!pid || !isAlive(pid) || !(await isPostgres(pid))) return undefined;
    if (port) return { pid, port };
    // It has only just begun: the port is written a little later.
    if (performance.now() > deadline) return undefined;
    await sleep(25);
  }
}

/** Guards against a process id that another program got after a reboot. Where /proc is missing, we believe the file. */
async function isPostgres(pid: number): Promise<boolean> {
  const command = await readFile(`/proc/${pid}/comm`, 'utf8').catch(() => undefined);
  return command === undefined ? process.platform !== 'linux' : command.trim() === 'postgres';
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** Open transactions are rolled back. */
export async function stopServer(pid: number): Promise<void> {
  if (!isAlive(pid)) return;
  process.kill(pid, 'SIGINT');
  while (isAlive(pid)) await sleep(20);
}
