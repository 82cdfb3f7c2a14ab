import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import type { Fault } from './plan.ts';
import type { ProcessSlot } from './process-slot.ts';
import type { SeededRandom } from './random.ts';

/** Injects faults into the processes of a world and into their links to the database. */
export class Injector {
  /** Processes that were killed, or got SIGTERM while their database may have been unreachable. */
  kills = 0;
  private readonly calmed = new AbortController();
  private readonly active = new Set<Promise<void>>();

  /** @param databaseUrl URL of the database without a fault link */
  constructor(
    private readonly slots: readonly ProcessSlot[],
    private readonly databaseUrl: string,
    private readonly random: SeededRandom,
    private readonly trace: (text: string) => void,
  ) {}

  /** Starts a fault. It ends after its time, or with `calm`. */
  inject(fault: Fault): void {
    if (this.calmed.signal.aborted) return;
    const done = this.run(fault).finally(() => this.active.delete(done));
    this.active.add(done);
  }

  /** Ends all faults. @returns once every process is up and no lock is held */
  async calm(): Promise<void> {
    this.calmed.abort();
    for (const slot of this.slots) slot.link.calm();
    await Promise.all(this.active);
    for (const slot of this.slots) slot.signal('SIGCONT');
    await Promise.all(this.slots.map((slot) => slot.start()));
  }

  private async run(fault: Fault): Promise<void> {
    switch (fault.kind) {
      case 'cut':
        return this.linkOf(fault).cut(fault.target);
      case 'strand': {
        const link = this.linkOf(fault);
        const thaw = link.enforce({ kind: 'freeze', target: fault.target, direction: 'toServer' });
        await this.wait(fault.holdMs);
        link.strand(fault.target, fault.mostLingerMs);
        return thaw();
      }
      case 'outage': {
        const links = fault.processes.map((index) => this.slots[index]!.link);
        for (const link of links) {
          link.refuse(true);
          link.cut('all');
        }
        await this.wait(fault.ms);
        for (const link of links) link.refuse(false);
        return;
      }
      case 'freeze': {
        const thaw = this.linkOf(fault).enforce(fault);
        await this.wait(fault.ms);
        return thaw();
      }
      case 'delay': {
        const end = this.linkOf(fault).enforce(fault);
        await this.wait(fault.ms);
        return end();
      }
      case 'lose answers':
        return this.linkOf(fault).loseAnswers(fault.target, fault.count, fault.when);
      case 'cut at byte':
        return this.linkOf(fault).cutAtByte(fault.target, fault.mostBytes);
      case 'terminate':
        return this.terminate(fault.count);
      case 'stop': {
        const slot = this.slots[fault.process]!;
        slot.signal('SIGSTOP');
        await this.wait(fault.ms);
        return slot.signal('SIGCONT');
      }
      case 'kill': {
        const slot = this.slots[fault.process]!;
        if (!(await slot.kill())) return;
        this.kills += 1;
        await this.wait(fault.downMs);
        return slot.start();
      }
      case 'restart': {
        const slot = this.slots[fault.process]!;
        const how = await slot.terminate();
        if (how === undefined) return;
        this.trace(`${slot.name} got SIGTERM: ${how}`);
        this.kills += 1;
        return slot.start();
      }
      case 'lock':
        return this.lock(fault);
    }
  }

  private linkOf({ process }: { process: number }): ProcessSlot['link'] {
    return this.slots[process]!.link;
  }

  private async terminate(count: number): Promise<void> {
    await this.withDatabase(async (client) => {
      const { rows } = await client.query<{ pid: number }>(
        `SELECT pid FROM pg_stat_activity
         WHERE datname = current_database() AND application_name LIKE 'cloutagent-%' ORDER BY pid`,
      );
      const pids = rows
        .map(({ pid }) => ({ pid, order: this.random.next() }))
        .toSorted((a, b) => a.order - b.order);
      const chosen = pids.slice(0, count).map(({ pid }) => pid);
      await client.query('SELECT pg_terminate_backend(pid) FROM unnest($1::int[]) AS pid', [chosen]);
    });
  }

  private async lock({ table, mode, ms }: Extract<Fault, { kind: 'lock' }>): Promise<void> {
    const tables = table === 'both' ? ['executions', 'events'] : [table];
    await this.withDatabase(async (client) => {
      // A lock request that has to wait must not block the statements that queue after it for long.
      await client.query(`SET lock_timeout = '2s'`);
      await client.query('BEGIN');
      await client.query(
        `LOCK TABLE ${tables.map((name) => `cloutagent.${name}`).join(', ')} IN ${mode} MODE`,
      );
      await this.wait(ms);
      await client.query('COMMIT');
    });
  }

  private async withDatabase(work: (client: pg.Client) => Promise<void>): Promise<void> {
    const client = new pg.Client({ connectionString: this.databaseUrl });
    await client.connect();
    try {
      await work(client);
    } catch (error) {
      this.trace(`a fault could not be injected: ${(error as Error).message}`);
    } finally {
      await client.end();
    }
  }

  private async wait(ms: number): Promise<void> {
    await sleep(ms, undefined, { signal: this.calmed.signal }).catch(() => undefined);
  }
}
