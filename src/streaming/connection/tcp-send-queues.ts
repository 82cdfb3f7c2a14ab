import type { Socket } from 'node:net';
import { readFile } from 'node:fs/promises';

const TABLES = ['/proc/self/net/tcp', '/proc/self/net/tcp6'];
/** How long a table is used before it is read again. */
const FRESH_MS = 500;

/**
 * Bytes that the kernel still has to send for a socket, from the tables of Linux. The process alone cannot see that a client
 * which reads 10 KB/s is alive: the kernel holds megabytes for it and accepts more only when a third of them are sent,
 * which may take minutes. On other systems nothing is known.
 */
export class TcpSendQueues {
  private table: { at: number; bytes: Promise<ReadonlyMap<string, number>> } | undefined;

  /** Returns the bytes that the client has not acknowledged; undefined where that is not known. */
  async of(socket: Socket): Promise<number | undefined> {
    const { localPort, remoteAddress, remotePort } = socket;
    if (localPort === undefined || remoteAddress === undefined || remotePort === undefined) return undefined;
    const now = performance.now();
    // Calls at about the same time share one read.
    if (!this.table || now - this.table.at > FRESH_MS) this.table = { at: now, bytes: readTables() };
    return (await this.table.bytes).get(
      `${hexPort(localPort)} ${hexAddress(remoteAddress)}:${hexPort(remotePort)}`,
    );
  }
}

async function readTables(): Promise<ReadonlyMap<string, number>> {
  const bytes = new Map<string, number>();
  const texts = await Promise.all(TABLES.map((table) => readFile(table, 'latin1').catch(() => '')));
  // sl, local address:port, remote address:port, state, tx_queue:rx_queue, … (proc_net_tcp.rst)
  for (const [, port, remote, queued] of texts
    .join('\n')
    .matchAll(/^ *\d+: [\dA-F]+:([\dA-F]{4}) ([\dA-F]+:[\dA-F]{4}) [\dA-F]{2} ([\dA-F]{8}):/gm))
    bytes.set(`${port} ${remote}`, Number.parseInt(queued!, 16));
  return bytes;
}

const hexPort = (port: number): string => port.toString(16).toUpperCase().padStart(4, '0');

/** Formats an address as the tables do: words of 32 bits in the byte order of the machine. Only s390x is not little-endian. */
function hexAddress(address: string): string {
  const bytes = address.includes(':') ? bytesOfIpv6(address) : address.split('.').map(Number);
  let hex = '';
  for (let word = 0; word < bytes.length; word += 4)
    for (let byte = 3; byte >= 0; byte -= 1) hex += bytes[word + byte]!.toString(16).padStart(2, '0');
  return hex.toUpperCase();
}

function bytesOfIpv6(address: string): number[] {
  const [plain = ''] = address.split('%');
  const dotted = /^(.*:)(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(plain);
  const text = dotted
    ? `${dotted[1]}${((Number(dotted[2]) << 8) | Number(dotted[3])).toString(16)}:${((Number(dotted[4]) << 8) | Number(dotted[5])).toString(16)}`
    : plain;
  const [left = '', right] = text.split('::');
  const groups = (half: string) =>
    half
      .split(':')
      .filter(Boolean)
      .map((group) => Number.parseInt(group, 16));
  const [head, tail] = [groups(left), groups(right ?? '')];
  const zeros = Array.from({ length: 8 - head.length - tail.length }, () => 0);
  const all = [...head, ...zeros, ...tail];
  return all.flatMap((group) => [group >> 8, group & 0xff]);
}
