import { Inject, Injectable, Logger, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import { type Observable, Subject } from 'rxjs';
import { Settings } from '../config/settings.js';
import { Listener } from '../database/listener.js';
import { ApiKeysService } from './api-keys.service.js';
import { keyIdOf, principalIdOf, type Principal } from './principal.js';

const TICK_MS = 500;

/**
 * Says whose credential was revoked while something they opened goes on. That a credential expires is known beforehand,
 * and is the business of whoever keeps time there.
 */
@Injectable()
export class RevocationMonitor implements OnModuleInit, OnModuleDestroy {
  private readonly logger = new Logger(RevocationMonitor.name);
  /** How many hold each key. */
  private readonly held = new Map<string, number>();
  /** Keys that may have been revoked between their request's check and the hold: looked up at the next tick. */
  private unchecked = new Set<string>();
  private checking = false;
  private timer: NodeJS.Timeout | undefined;
  private checkedAt = performance.now();
  private readonly ends = new Subject<string>();

  /** Ids of principals whose credential is good no longer. */
  readonly revoked: Observable<string> = this.ends;

  constructor(
    private readonly keys: ApiKeysService,
    private readonly listener: Listener,
    @Inject(Settings) private readonly settings: Pick<Settings, 'CREDENTIAL_CHECK_INTERVAL_MS'>,
  ) {}

  onModuleInit(): void {
    this.keys.revoked.subscribe((id) => this.end(id));
    this.listener.reconnected.subscribe(() => (this.checkedAt = -Infinity));
    this.timer = setInterval(() => this.tick(), TICK_MS);
    this.timer.unref();
  }

  onModuleDestroy(): void {
    clearInterval(this.timer);
  }

  /**
   * Watches the principal's credential.
   * @returns ends that, once
   */
  hold(principal: Principal): () => void {
    const keyId = keyIdOf(principal);
    if (keyId === undefined) return () => undefined;
    this.held.set(keyId, (this.held.get(keyId) ?? 0) + 1);
    this.unchecked.add(keyId);
    return () => {
      const left = (this.held.get(keyId) ?? 1) - 1;
      if (left === 0) this.held.delete(keyId);
      else this.held.set(keyId, left);
    };
  }

  private tick(): void {
    if (this.checking) return;
    let ids = this.unchecked;
    const now = performance.now();
    if (now - this.checkedAt >= this.settings.CREDENTIAL_CHECK_INTERVAL_MS) {
      // A notification may have been lost.
      this.checkedAt = now;
      ids = new Set(this.held.keys());
    }
    this.unchecked = new Set();
    if (ids.size > 0) void this.check(ids);
  }

  private async check(ids: ReadonlySet<string>): Promise<void> {
    this.checking = true;
    try {
      for (const id of await this.keys.revokedAmong([...ids])) this.end(id);
    } catch (error) {
      // Asked again at the next tick.
      for (const id of ids) this.unchecked.add(id);
      this.logger.warn(`credentials could not be checked again: ${(error as Error).message}`);
    } finally {
      this.checking = false;
    }
  }

  private end(keyId: string): void {
    if (this.held.has(keyId)) this.ends.next(principalIdOf(keyId));
  }
}
