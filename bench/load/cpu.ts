import { readdirSync, readFileSync } from 'node:fs';

/** `/proc` counts in ticks of 10 ms on every Linux that Node runs on (USER_HZ). */
const MS_PER_TICK = 10;

interface Times {
  parent: number;
  /** CPU time of the process itself and of the children that it has waited for. */
  ms: number;
}

/**
 * Returns the CPU time of a process and all its descendants, including ended ones, in ms. Linux only.
 * @param without descendants to leave out
 */
export function cpuMs(root: number, without: readonly number[] = []): number {
  let sum = 0;
  for (const [pid, { ms }] of familyOf(root)) if (!without.includes(pid)) sum += ms;
  return sum;
}

/** Returns the ids of the processes that a process has started, and that these have started. Linux only. */
export const descendants = (root: number): number[] =>
  [...familyOf(root).keys()].filter((pid) => pid !== root);

/** Reads a process and all its descendants. */
function familyOf(root: number): Map<number, Times> {
  const all = new Map<number, Times>();
  for (const name of readdirSync('/proc')) {
    const times = /^\d+$/.test(name) ? read(Number(name)) : undefined;
    if (times) all.set(Number(name), times);
  }
  const isInside = (pid: number): boolean => {
    for (let at = pid; at > 1; at = all.get(at)?.parent ?? 0) if (at === root) return true;
    return false;
  };
  return new Map([...all].filter(([pid]) => isInside(pid)));
}

function read(pid: number): Times | undefined {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  } catch {
    // The process ended after the folder was listed.
    return undefined;
  }
  // The name, in brackets, may contain spaces. After it: state, ppid, … utime, stime, cutime, cstime.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const ticks = fields.slice(11, 15).reduce((total, field) => total + Number(field), 0);
  return { parent: Number(fields[1]), ms: ticks * MS_PER_TICK };
}
