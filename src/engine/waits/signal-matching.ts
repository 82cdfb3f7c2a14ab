/** An open wait for a signal. */
export interface SignalWait {
  id: string;
  nodeId: string;
  signal: string;
  /** JSON Schema of the body; without it, every body fits. */
  schema?: Record<string, unknown> | undefined;
}

/** A signal that no wait has consumed. */
export interface KeptSignal {
  id: string;
  name: string;
}

export interface Match {
  wait: SignalWait;
  signal: KeptSignal;
}

/** Whether a signal fits a wait; undefined if that has not been checked. */
export type Fits = (match: Match) => boolean | undefined;

/** What names of signals for one node, which come by a callback address, begin with. A client cannot send such a name. */
const CALLBACK = '$callback:';

/** Returns the name under which a callback for a node is kept. */
export const callbackName = (nodeId: string): string => CALLBACK + nodeId;

/** Returns the node that a callback is for; undefined for the name of any other signal. */
export const nodeOfCallback = (name: string): string | undefined =>
  name.startsWith(CALLBACK) ? name.slice(CALLBACK.length) : undefined;

/** Whether a wait is for signals of a name. */
export function isFor(wait: SignalWait, name: string): boolean {
  const nodeId = nodeOfCallback(name);
  return nodeId === undefined ? wait.signal === name : wait.nodeId === nodeId;
}

/**
 * Assigns kept signals to open waits: the oldest wait first, and for each the oldest signal that fits. A signal that does
 * not fit a wait stays for a later one.
 * @param waits oldest first
 * @param signals oldest first
 * @returns the matches, or the first one that has to be checked before the others can be found
 */
export function matchSignals(
  waits: readonly SignalWait[],
  signals: readonly KeptSignal[],
  fits: Fits,
): { matches: Match[]; unchecked?: Match } {
  const matches: Match[] = [];
  const consumed = new Set<KeptSignal>();
  for (const wait of waits) {
    for (const signal of signals) {
      if (consumed.has(signal) || !isFor(wait, signal.name)) continue;
      const match = { wait, signal };
      const fit = wait.schema === undefined || fits(match);
      if (fit === undefined) return { matches: [], unchecked: match };
      if (!fit) continue;
      matches.push(match);
      consumed.add(signal);
      break;
    }
  }
  return { matches };
}
