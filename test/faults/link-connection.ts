import type { Socket } from 'node:net';
import { Flow } from './flow.ts';
import { FrontendReader } from './frontend-reader.ts';
import type { SeededRandom } from './random.ts';

export type Direction = 'toServer' | 'toClient';

/** A fault that a link applies to the connections of one target until the rule ends. */
export type Rule =
  | { kind: 'freeze'; target: Target; direction: Direction | 'both' }
  | { kind: 'delay'; target: Target; mostMs: number };

/** An application name of a startup packet, or `all`. */
export type Target = 'all' | (string & {});

/** One connection through a fault link. The application name of its startup packet identifies it. */
export class LinkConnection {
  private readonly toServer: Flow;
  private readonly toClient: Flow;
  private readonly arriving = new FrontendReader();
  private readonly sent = new FrontendReader();
  private answerToLose: 'early' | 'late' | undefined;
  private onLost: () => void = () => undefined;
  private open = 2;
  private isStranded = false;

  /**
   * @param onNamed is called when the application name is known, before the startup packet is forwarded
   * @param onClosed is called when both sides are closed
   */
  constructor(
    private readonly client: Socket,
    private readonly server: Socket,
    private readonly random: SeededRandom,
    private readonly onNamed: (connection: LinkConnection) => void,
    onClosed: (connection: LinkConnection) => void,
  ) {
    this.toServer = new Flow(
      client,
      server,
      (data) => this.passed(data),
      () => this.spent(),
    );
    this.toClient = new Flow(
      server,
      client,
      () => undefined,
      () => this.spent(),
    );
    client.on('data', (data: Buffer) => this.arrived(data));
    server.on('data', (data: Buffer) => this.toClient.push(data));
    for (const [socket, flow] of [
      [client, this.toServer],
      [server, this.toClient],
    ] as const) {
      socket.setNoDelay(true);
      socket.on('error', () => undefined);
      socket.once('end', () => flow.pushEnd('gracefully'));
      socket.once('close', () => {
        flow.pushEnd('at once');
        this.open -= 1;
        if (this.open === 0) onClosed(this);
      });
    }
  }

  /** The application name; undefined until the startup packet has arrived. */
  get name(): string | undefined {
    return this.arriving.applicationName;
  }

  matches(target: Target): boolean {
    return target === 'all' || this.name === target;
  }

  /** Applies the current rules. */
  apply(rules: readonly Rule[]): void {
    if (this.isStranded) return;
    const own = rules.filter((rule) => this.matches(rule.target));
    for (const direction of ['toServer', 'toClient'] as const) {
      const flow = this[direction];
      flow.freeze(
        own.some(
          (rule) => rule.kind === 'freeze' && (rule.direction === 'both' || rule.direction === direction),
        ),
      );
      const delays = own.flatMap((rule) => (rule.kind === 'delay' ? [rule.mostMs] : []));
      flow.delay(delays.length === 0 ? 0 : this.random.whole(0, Math.max(...delays)));
    }
  }

  /** Breaks both sides at once. */
  cut(): void {
    this.toServer.discard();
    this.toClient.discard();
    this.client.destroy();
    this.server.destroy();
  }

  /**
   * Breaks the client's side. Data that the client has sent reaches the server `lingerMs` later, and only then does the
   * server see that the connection has ended.
   */
  strand(lingerMs: number): void {
    this.isStranded = true;
    this.toClient.discard();
    this.client.destroy();
    this.toServer.freeze(true);
    this.toServer.pushEnd('gracefully');
    setTimeout(() => this.toServer.freeze(false), lingerMs).unref();
  }

  /**
   * Loses the answer to the next statement. `early` breaks the connection as soon as the statement is forwarded. `late`
   * waits for the answer, so that the statement has certainly been executed, and forwards at most a few bytes of it.
   */
  loseNextAnswer(when: 'early' | 'late', onLost: () => void): void {
    this.answerToLose = when;
    this.onLost = onLost;
  }

  /** Cuts the connection after so many more bytes in one direction, usually in the middle of a message. */
  cutAfter(bytes: number, direction: Direction, onCut: () => void): void {
    this[direction].budget = Math.max(1, bytes);
    this.onLost = onCut;
  }

  calm(): void {
    this.answerToLose = undefined;
    this.toServer.calm();
    this.toClient.calm();
  }

  private arrived(data: Buffer): void {
    const isNew = this.name === undefined;
    this.arriving.feed(data);
    if (isNew && this.name !== undefined) this.onNamed(this);
    this.toServer.push(data);
  }

  private passed(data: Buffer): void {
    const before = this.sent.statements;
    this.sent.feed(data);
    if (this.sent.statements === before) return;
    if (this.answerToLose === 'late') {
      this.answerToLose = undefined;
      // In half of the cases the first bytes of the answer arrive.
      this.toClient.budget = this.random.chance(0.5) ? 0 : this.random.whole(1, 40);
    } else if (this.answerToLose === 'early') {
      this.answerToLose = undefined;
      this.onLost();
      this.strand(0);
    }
  }

  private spent(): void {
    this.onLost();
    this.cut();
  }
}
