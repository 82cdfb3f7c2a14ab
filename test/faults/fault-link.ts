import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server } from 'node:net';
import { type Direction, LinkConnection, type Rule, type Target } from './link-connection.ts';
import type { SeededRandom } from './random.ts';

/**
 * A TCP forwarder from one server process to PostgreSQL on 127.0.0.1 that injects faults: it delays, freezes and cuts
 * connections and loses answers, for all connections or for one application name. A seed makes the random choices.
 */
export class FaultLink {
  /** How many connections each kind of fault really hit. */
  readonly hits: Record<string, number> = {};
  private readonly connections = new Set<LinkConnection>();
  private readonly rules = new Set<Rule>();
  private refusing = false;
  private accepted = 0;

  private constructor(
    private readonly server: Server,
    private random: SeededRandom,
  ) {}

  /** @param port where PostgreSQL listens on 127.0.0.1 */
  static async to(port: number, random: SeededRandom): Promise<FaultLink> {
    const server = createServer({ allowHalfOpen: true });
    const link = new FaultLink(server, random);
    server.on('connection', (client) => {
      if (link.refusing) {
        client.resetAndDestroy();
        return;
      }
      const upstream = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
      link.connections.add(
        new LinkConnection(
          client,
          upstream,
          link.random.fork((link.accepted += 1)),
          (connection) => connection.apply([...link.rules]),
          (connection) => link.connections.delete(connection),
        ),
      );
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return link;
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  /** Replaces the source of random numbers. */
  reseed(random: SeededRandom): void {
    this.random = random;
    this.accepted = 0;
  }

  /** Returns how many matching connections are open. */
  count(target: Target): number {
    return this.matching(target).length;
  }

  /** Breaks connections on both sides. New connections are still accepted. */
  cut(target: Target): void {
    for (const connection of this.matching(target)) {
      connection.cut();
      this.hit('cut');
    }
  }

  /** Breaks connections on the client's side. Data on its way still reaches PostgreSQL, up to `mostLingerMs` later. */
  strand(target: Target, mostLingerMs: number): void {
    for (const connection of this.matching(target)) {
      connection.strand(this.random.whole(0, mostLingerMs));
      this.hit('stranded');
    }
  }

  /** Refuses new connections, or accepts them again. */
  refuse(refusing: boolean): void {
    this.refusing = refusing;
  }

  /**
   * Applies a rule to open and new connections.
   * @returns a function that ends the rule
   */
  enforce(rule: Rule): () => void {
    this.rules.add(rule);
    this.applyRules();
    return () => {
      if (this.rules.delete(rule)) this.applyRules();
    };
  }

  /** Loses the answer to the next statement on up to `count` matching connections. */
  loseAnswers(target: Target, count: number, when: 'early' | 'late'): void {
    for (const connection of this.shuffled(target).slice(0, count))
      connection.loseNextAnswer(when, () => this.hit('lost answer'));
  }

  /** Cuts each matching connection after a random number of further bytes, at most `mostBytes`. */
  cutAtByte(target: Target, mostBytes: number): void {
    for (const connection of this.matching(target)) {
      const direction: Direction = this.random.chance(0.5) ? 'toServer' : 'toClient';
      connection.cutAfter(this.random.whole(1, mostBytes), direction, () => this.hit('cut at a byte'));
    }
  }

  /** Ends all faults and forwards the data that was frozen or delayed. */
  calm(): void {
    this.refusing = false;
    this.rules.clear();
    for (const connection of this.connections) connection.calm();
  }

  async close(): Promise<void> {
    this.refusing = true;
    for (const connection of this.connections) connection.cut();
    this.server.close();
    await once(this.server, 'close');
  }

  private matching(target: Target): LinkConnection[] {
    return [...this.connections].filter((connection) => connection.matches(target));
  }

  private shuffled(target: Target): LinkConnection[] {
    return this.matching(target)
      .map((connection) => ({ connection, order: this.random.next() }))
      .toSorted((a, b) => a.order - b.order)
      .map(({ connection }) => connection);
  }

  private applyRules(): void {
    for (const connection of this.connections) connection.apply([...this.rules]);
  }

  private hit(kind: string): void {
    this.hits[kind] = (this.hits[kind] ?? 0) + 1;
  }
}
