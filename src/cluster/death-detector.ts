import { Inject, Injectable, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import { type Observable, Subject } from 'rxjs';
import { setTimeout as sleep } from 'node:timers/promises';
import { coalesce } from '../common/coalesce.js';
import { Settings } from '../config/settings.js';
import { PROCESS_LOCK } from '../database/dedicated-connection.js';
import { ProcessIdentity } from '../database/process-identity.js';
import { Logger } from '../logging/logger.js';
import { ProcessPresence } from './process-presence.js';

const POLL = `
  SELECT identity, beat_at::text AS beat, reads_segments AS "readsSegments",
    pg_try_advisory_xact_lock($1, identity::int) AS unlocked,
    clock_timestamp() - pg_postmaster_start_time() > make_interval(secs => $3) AS settled
  FROM cloutagent.processes WHERE identity <> $2`;
/** A process whose lock is free is polled once more after this time, because it may be about to reconnect. */
const CONFIRMATION_MS = 100;
/** A poll that takes longer indicates a problem of the database, so its result proves nothing about other processes. */
const SLOW_POLL_MS = 1_000;

/** A process that has ended, or that has sent no heartbeat for too long. */
export interface DeadProcess {
  identity: string;
  /** The `beat_at` of its last heartbeat; undefined when the process is dead because its lock is free. */
  silentSince: string | undefined;
}

interface Peer {
  identity: string;
  beat: string;
  readsSegments: boolean;
  unlocked: boolean;
  settled: boolean;
}

/**
 * Detects processes that have died. A process is dead when two consecutive polls find its lock free, which means that it
 * has neither of its connections, or when it has not renewed its row for PROCESS_TIMEOUT_MS. A disturbance of the database
 * may disconnect every process. Both signs are then ignored for PROCESS_RECONNECT_TIMEOUT_MS, so that the others can
 * reconnect.
 */
@Injectable()
export class DeathDetector implements OnModuleInit, OnModuleDestroy {
  private readonly logger = new Logger(DeathDetector.name);
  private readonly found = new Subject<DeadProcess>();
  /** The last heartbeat of each peer, and when this process first saw it, in ms of the monotonic clock. */
  private readonly beats = new Map<string, { beat: string; since: number }>();
  private disturbedAt = -Infinity;
  private timer: NodeJS.Timeout | undefined;
  /** Number of other processes; undefined while it is unknown. */
  private peers: number | undefined;
  private arePeersNew = false;
  /** Number of calls of `expectPeer`. A poll that began before such a call may not have seen the new process. */
  private expectations = 0;

  readonly dead: Observable<DeadProcess> = this.found;
  /** Checks the other processes now. Resolves after a check that began at or after the call. */
  readonly check = coalesce(() => this.checkPeers());

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
    this.presence.lost.subscribe(() => this.onDisturbance());
    this.timer = setInterval(() => void this.check(), this.settings.PROCESS_CHECK_INTERVAL_MS);
    this.timer.unref();
  }

  onModuleDestroy(): void {
    clearInterval(this.timer);
  }

  /** Whether this process knows that it is the only one. */
  get isAlone(): boolean {
    return this.peers === 0;
  }

  /** Whether all other processes are known to read the short rows of chunks. Processes of older releases do not. */
  get peersReadShortRows(): boolean {
    return this.peers !== undefined && this.arePeersNew;
  }

  /** Records that another process exists. If the last poll has not seen it, nothing is known of the others until the next one. */
  expectPeer(identity: string): void {
    if (this.beats.has(identity)) return;
    this.peers = undefined;
    this.expectations += 1;
  }

  private async checkPeers(): Promise<void> {
    try {
      const unlocked = await this.poll();
      if (unlocked.length === 0) return;
      await sleep(CONFIRMATION_MS);
      const stillUnlocked = new Set(await this.poll());
      for (const identity of unlocked)
        if (stillUnlocked.has(identity)) this.found.next({ identity, silentSince: undefined });
    } catch (error) {
      this.onDisturbance();
      this.logger.debug(`the other processes could not be checked: ${(error as Error).message}`);
    }
  }

  /** Emits the processes that have sent no heartbeat for too long. @returns the processes whose lock is free */
  private async poll(): Promise<string[]> {
    const { expectations } = this;
    const began = performance.now();
    const grace = this.settings.PROCESS_RECONNECT_TIMEOUT_MS;
    const peers = await this.presence.query<Peer & Record<string, unknown>>(POLL, [
      PROCESS_LOCK,
      this.identity.value,
      grace / 1000,
    ]);
    const now = performance.now();
    if (expectations === this.expectations) this.peers = peers.length;
    this.arePeersNew = peers.every(({ readsSegments }) => readsSegments);
    if (now - began > SLOW_POLL_MS) this.onDisturbance();
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

  private onDisturbance(): void {
    this.disturbedAt = performance.now();
    this.beats.clear();
  }
}
