import { Inject, Injectable, Logger, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import { Observable } from 'rxjs';
import { Settings } from '../config/settings.js';
import { Listener } from '../database/listener.js';
import { ApiKeysService } from './api-keys.service.js';
import { keyIdOf, type Principal } from './principal.js';

const TICK_MS = 500;

/** Tells open streams when their credential has expired or was revoked. One timer for all. */
@Injectable()
export class CredentialWatch implements OnModuleInit, OnModuleDestroy {
  private readonly logger = new Logger(CredentialWatch.name);
  private readonly watched = new Map<() => void, Principal>();
  /** Keys that may have been revoked between their request's check and the watch: looked up at the next tick. */
  private unchecked = new Set<string>();
  private checking = false;
  private timer: NodeJS.Timeout | undefined;
  private checkedAt = Date.now();

  constructor(
    private readonly keys: ApiKeysService,
    private readonly listener: Listener,
    @Inject(Settings) private readonly settings: Pick<Settings, 'CREDENTIAL_RECHECK_MS'>,
  ) {}

  onModuleInit(): void {
    this.keys.revoked.subscribe((id) => this.endKeys(new Set([id])));
    this.listener.reconnected.subscribe(() => (this.checkedAt = 0));
    this.timer = setInterval(() => this.tick(), TICK_MS);
    this.timer.unref();
  }

  onModuleDestroy(): void {
    clearInterval(this.timer);
  }

  /** Emits once when the principal's credential is good no longer. */
  ended(principal: Principal): Observable<void> {
    return new Observable<void>((subscriber) => {
      const end = () => {
        subscriber.next();
        subscriber.complete();
      };
      this.watched.set(end, principal);
      const keyId = keyIdOf(principal);
      if (keyId !== undefined) this.unchecked.add(keyId);
      return () => this.watched.delete(end);
    });
  }

  private tick(): void {
    const now = Date.now();
    for (const [end, { expiresAt }] of this.watched) if (expiresAt !== null && expiresAt <= now) end();
    if (this.checking) return;
    let ids = this.unchecked;
    if (now - this.checkedAt >= this.settings.CREDENTIAL_RECHECK_MS) {
      // A notification may have been lost.
      this.checkedAt = now;
      ids = new Set([...this.watched.values()].flatMap((principal) => keyIdOf(principal) ?? []));
    }
    this.unchecked = new Set();
    if (ids.size > 0) void this.check(ids);
  }

  private async check(ids: ReadonlySet<string>): Promise<void> {
    this.checking = true;
    try {
      const revoked = new Set(await this.keys.revokedAmong([...ids]));
      if (revoked.size > 0) this.endKeys(revoked);
    } catch (error) {
      // Asked again at the next tick.
      for (const id of ids) this.unchecked.add(id);
      this.logger.warn(`credentials could not be checked again: ${(error as Error).message}`);
    } finally {
      this.checking = false;
    }
  }

  private endKeys(ids: ReadonlySet<string>): void {
    for (const [end, principal] of this.watched) if (ids.has(keyIdOf(principal) ?? '')) end();
  }
}
