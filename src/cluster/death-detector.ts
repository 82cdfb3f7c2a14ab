import { Inject, Injectable, Logger, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import { type Observable, Subject } from 'rxjs';
import { setTimeout as sleep } from 'node:timers/promises';
import { Settings } from '../config/settings.js';
import { PROCESS_LOCK } from '../database/dedicated-connection.js';
import { ProcessIdentity } from '../database/process-identity.js';
import { ProcessPresence } from './process-presence.js';

const POLL = `
  SELECT identity, beat_at::text AS beat, pg_try_advisory_xact_lock($1, identity::int) AS unlocked,
    clock_timestamp() - pg_postmaster_start_time() > make_interval(secs => $3) AS settled
  FROM cloutagent.processes WHERE identity <> $2`;
/** A process whose lock is free is looked up once more after this long: it may be about to reconnect. */
const CONFIRMATION_MS = 100;
/** An answer that takes longer says that the database was not itself, and so proves nothing about others. */
const SLOW_MS = 1_000;

/** A process that has ended, or has been silent for too long. */
export interface DeadProcess {
  identity: string;
  /** The `beat_at` at which it fell silent; undefined when its lock is free. */
  silentSince: string | undefined;
}

interface Peer {
  identity: string;
  beat: string;
  unlocked: boolean;
  settled: boolean;
}

/**
 * Finds processes that are no more. One is dead when neither of its connections holds its lock, seen twice; or when its
 * row has not been renewed for PROCESS_TIMEOUT_MS. Neither counts right after a disturbance of the database, which
 * disconnects everybody: the others get PROCESS_RECONNECT_TIMEOUT_MS to come back.
 */
@Injectable()
export class DeathDetector implements OnModuleInit, OnModuleDestroy {
  private readonly logger = new Logger(DeathDetector.name);
  private readonly found = new Subject<DeadProcess>();
  /** The last beat of each peer, and since when, in ms of the monotonic clock, this process has seen no other. */
  private readonly beats = new Map<string, { beat: string; since: number }>();
  private disturbedAt = -Infinity;
  private timer: NodeJS.Timeout | undefined;
  private polling = false;
  private peers: number | undefined;

  readonly dead: Observable<DeadProcess> = this.found;

  constructor(
    private readonly presence: ProcessPresence,
    private readonly identity: ProcessIdentity,
    @Inject(Settings)
    private readonly settings: Pick<
      Settings,
      'PROCESS_CHECK_INTERVAL_MS' | 'PROCESS_RECONNECT_TIMEOUT_MS' | 'PROCESS_TIMEOUT_MS'
    >,
  ) {}

  onModuleInit(): void {
    this.presence.lost.subscribe(() => this.disturbed());
    this.timer = setInterval(() => void this.check(), this.settings.PROCESS_CHECK_INTERVAL_MS);
    this.timer.unref();
  }

  onModuleDestroy(): void {
    clearInterval(this.timer);
  }

  /** Whether this is the only process, as far as it knows. */
  get isAlone(): boolean {
    return this.peers === 0;
  }

  /** Another process has said that it is there: finds it before this one relies on being alone again. */
  expectPeer(): void {
    this.peers = undefined;
  }

  /** Checks the other processes now. */
  async check(): Promise<void> {
    if (this.polling) return;
    this.polling = true;
    try {
      const free = await this.poll();
      if (free.length === 0) return;
      await sleep(CONFIRMATION_MS);
      const stillFree = new Set(await this.poll());
      for (const identity of free)
        if (stillFree.has(identity)) this.found.next({ identity, silentSince: undefined });
    } catch (error) {
      this.disturbed();
      this.logger.debug(`the other processes could not be checked: ${(error as Error).message}`);
    } finally {
      this.polling = false;
    }
  }

  /** @returns the processes whose lock is free; reports those that are silent */
  private async poll(): Promise<string[]> {
    const began = performance.now();
    const grace = this.settings.PROCESS_RECONNECT_TIMEOUT_MS;
    const peers = await this.presence.query<Peer & Record<string, unknown>>(POLL, [
      PROCESS_LOCK,
      this.identity.value,
      grace / 1000,
    ]);
    const now = performance.now();
    this.peers = peers.length;
    if (now - began > SLOW_MS) this.disturbed();
    for (const known of this.beats.keys())
      if (!peers.some(({ identity }) => identity === known)) this.beats.delete(known);
    for (const { identity, beat } of peers) {
      const known = this.beats.get(identity);
      if (known?.beat !== beat) this.beats.set(identity, { beat, since: now });
      else if (now - known.since > this.settings.PROCESS_TIMEOUT_MS)
        this.found.next({ identity, silentSince: beat });
    }
    if (now - this.disturbedAt < grace) return [];
    return peers.filter(({ unlocked, settled }) => unlocked && settled).map(({ identity }) => identity);
  }

  private disturbed(): void {
    this.disturbedAt = performance.now();
    this.beats.clear();
  }
}
