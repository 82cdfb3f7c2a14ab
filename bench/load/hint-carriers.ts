// Measures what carries hints alone, without a server: what a NOTIFY and a message of NATS cost, by number of listeners.
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import pg from 'pg';
import type { Cluster } from './cluster.ts';
import { cpuMs } from './cpu.ts';

const LISTENERS = [1, 4, 16, 32];
const SENDERS = 4;
/** Hints of one call, as a busy process sends them. */
const HINTS_PER_CALL = 5;
const CHANNEL = 'cloutagent_events';
/** The text of a hint has some 41 characters: an id, a colon and a sequence of three to four digits. */
const hint = (): string => `${randomUUID()}:1234`;

/** The costs of one call that sends `HINTS_PER_CALL` hints, in microseconds of CPU: `fixed + perListener × listeners`. */
export interface CarrierCost {
  fixed: number;
  perListener: number;
  /** What one listening Node process spends on one call. */
  receiver: number;
  /** Calls per second, by number of listeners, on this machine. */
  perSecond: Record<number, number>;
}

interface Point {
  listeners: number;
  carrierUs: number;
  nodeUs: number;
  perSecond: number;
}

/** Measures NOTIFY. @param seconds for each number of listeners */
export async function measureNotify(cluster: Cluster, seconds: number): Promise<CarrierCost> {
  await cluster.createDatabase('notify');
  const open = async () => {
    const client = new pg.Client({ connectionString: cluster.urlOf('notify') });
    await client.connect();
    return client;
  };
  const senders = await Promise.all(Array.from({ length: SENDERS }, open));
  const payload = ['12345', ...Array.from({ length: HINTS_PER_CALL }, hint)].join(' ');
  const points: Point[] = [];
  for (const listeners of LISTENERS) {
    const listening = await Promise.all(Array.from({ length: listeners }, open));
    for (const client of listening) {
      client.on('notification', ({ payload: text = '' }) => text.split(' '));
      await client.query(`LISTEN ${CHANNEL}`);
    }
    points.push(
      await measure(
        listeners,
        seconds,
        () => cpuMs(cluster.pid),
        (sender) =>
          senders[sender]!.query({
            name: 'notify',
            text: 'SELECT pg_notify($1, payload) FROM unnest($2::text[]) AS payload',
            values: [CHANNEL, [payload]],
          }),
      ),
    );
    await Promise.all(listening.map((client) => client.end()));
  }
  await Promise.all(senders.map((client) => client.end()));
  return costOf(points);
}

/**
 * Measures NATS, with a message for each hint, as `NatsNotifications` sends them.
 * @param pid of nats-server
 * @param seconds for each number of listeners
 */
export async function measureNats(url: string, pid: number, seconds: number): Promise<CarrierCost> {
  const open = () => connect({ servers: url.replace('nats://', '') });
  const senders = await Promise.all(Array.from({ length: SENDERS }, open));
  const subjects = Array.from({ length: HINTS_PER_CALL }, () => `cloutagent.execution.${randomUUID()}`);
  const text = hint();
  const points: Point[] = [];
  for (const listeners of LISTENERS) {
    const listening = await Promise.all(Array.from({ length: listeners }, open));
    await Promise.all(listening.map((connection) => subscribe(connection, subjects)));
    points.push(
      await measure(
        listeners,
        seconds,
        () => cpuMs(pid),
        (sender) => {
          for (const subject of subjects) senders[sender]!.publish(subject, text);
          return senders[sender]!.flush();
        },
      ),
    );
    await Promise.all(listening.map((connection) => connection.close()));
  }
  await Promise.all(senders.map((connection) => connection.close()));
  return costOf(points);
}

async function subscribe(connection: NatsConnection, subjects: readonly string[]): Promise<void> {
  for (const subject of subjects)
    connection.subscribe(subject, { callback: (_error, message) => void message.string().split(' ') });
  await connection.flush();
}

async function measure(
  listeners: number,
  seconds: number,
  carrierCpuMs: () => number,
  call: (sender: number) => Promise<unknown>,
): Promise<Point> {
  let calls = 0;
  const before = [carrierCpuMs(), process.cpuUsage()] as const;
  const began = performance.now();
  const work = async (sender: number): Promise<void> => {
    while (performance.now() - began < seconds * 1_000) {
      await call(sender);
      calls += 1;
    }
  };
  await Promise.all(Array.from({ length: SENDERS }, (_unused, sender) => work(sender)));
  const lasted = (performance.now() - began) / 1_000;
  // Receivers may still have messages to read.
  await once(AbortSignal.timeout(200), 'abort');
  const { user, system } = process.cpuUsage(before[1]);
  return {
    listeners,
    carrierUs: ((carrierCpuMs() - before[0]) * 1_000) / calls,
    nodeUs: (user + system) / calls,
    perSecond: Math.round(calls / lasted),
  };
}

function costOf(points: readonly Point[]): CarrierCost {
  const carrier = line(points.map(({ listeners, carrierUs }) => [listeners, carrierUs]));
  const node = line(points.map(({ listeners, nodeUs }) => [listeners, nodeUs]));
  return {
    fixed: carrier.at0,
    perListener: carrier.slope,
    receiver: node.slope,
    perSecond: Object.fromEntries(points.map(({ listeners, perSecond }) => [listeners, perSecond])),
  };
}

/** Fits a line through points by least squares. */
function line(points: readonly (readonly [x: number, y: number])[]): { at0: number; slope: number } {
  const mean = (values: readonly number[]): number =>
    values.reduce((sum, value) => sum + value, 0) / values.length;
  const [x, y] = [mean(points.map((point) => point[0])), mean(points.map((point) => point[1]))];
  const slope =
    mean(points.map((point) => (point[0] - x) * (point[1] - y))) /
    mean(points.map((point) => (point[0] - x) ** 2));
  return { at0: y - slope * x, slope };
}
