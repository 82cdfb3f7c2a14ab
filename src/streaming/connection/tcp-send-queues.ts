import type { Socket } from 'node:net';
import { readFile } from 'node:fs/promises';

const TABLES = ['/proc/self/net/tcp', '/proc/self/net/tcp6'];
const FRESH_MS = 500;

/**
 * What the kernel has yet to deliver for a socket, from the tables that Linux has of that. A reader of 10 KB/s gives no
 * sign of life in the process: the kernel holds megabytes for it and asks for more only when a third of them are
 * gone, which may take minutes. Elsewhere than on Linux nothing is known.
 */
export class TcpSendQueues {
  private table: { at: number; bytes: Promise<ReadonlyMap<string, number>> } | undefined;

  /** Bytes that the peer has not acknowledged; undefined where it cannot be known. */
  async of(socket: Socket): Promise<number | undefined> {
    const { localPort, remoteAddress, remotePort } = socket;
    if (localPort === undefined || remoteAddress === undefined || remotePort === undefined) return undefined;
    const now = performance.now();
    // All that ask at about the same time share one look.
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

/** As the tables write it: words of 32 bits in the byte order of the machine, which is little-endian wherever Node runs but s390x. */
function hexAddress(address: string): string {
  const bytes = address.includes(':') ? sixteen(address) : address.split('.').map(Number);
  let hex = '';
  for (let word = 0; word < bytes.length; word += 4)
    for (let byte = 3; byte >= 0; byte -= 1) hex += bytes[word + byte]!.toString(16).padStart(2, '0');
  return hex.toUpperCase();
}

function sixteen(address: string): number[] {
  const [plain = ''] = address.split('%');
  const dotted = /^(.*:)(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(plain);
  const text = dotted
    ? `${dotted[1]}${((Number(dotted[2]) << 8) | Number(dotted[3])).toString(16)}:${((Number(dotted[4]) << 8) | Number(dotted[5])).toString(16)}`
    : plain;
  const [left = '', right] = text.split('::');
  const groups = (part: string) =>
    part
      .split(':')
      .filter(Boolean)
      .map((group) => Number.parseInt(group, 16));
  const [head, tail] = [groups(left), groups(right ?? '')];
  const all = [...head, ...Array.from({ length: 8 - head.length - tail.length }, () => 0), ...tail];
  return all.flatMap((group) => [group >> 8, group & 0xff]);
}
