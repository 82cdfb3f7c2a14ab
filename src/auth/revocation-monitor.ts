import { Inject, Injectable, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import { type Observable, Subject } from 'rxjs';
import { coalesce } from '../common/coalesce.js';
import { Holder } from '../common/holder.js';
import { Settings } from '../config/settings.js';
import { Listener } from '../database/listener.js';
import { Logger } from '../logging/logger.js';
import { ApiKeysService } from './api-keys.service.js';
import { keyIdOf, principalIdOf, type Principal } from './principal.js';

const TICK_MS = 500;

/**
 * Reports API keys that are revoked while a stream is open on their behalf. Expiry is not reported: streams know the time
 * in advance and end themselves.
 */
@Injectable()
export class RevocationMonitor implements OnModuleInit, OnModuleDestroy {
  private readonly logger = new Logger(RevocationMonitor.name);
  /** Number of watches of each key. */
  private readonly watched = new Map<string, number>();
  /** Keys that may have been revoked after the guard checked them and before the watch began. The next tick checks them. */
  private unchecked = new Set<string>();
  private readonly check = coalesce(() => this.checkKeys());
  private timer: NodeJS.Timeout | undefined;
  private checkedAt = performance.now();
  private readonly revocations = new Subject<string>();

  /** Emits the ids of principals whose key has been revoked. */
  readonly revoked: Observable<string> = this.revocations;

  constructor(
    private readonly keys: ApiKeysService,
    private readonly listener: Listener,
    @Inject(Settings) private readonly settings: Pick<Settings, 'CREDENTIAL_CHECK_INTERVAL_MS'>,
  ) {}

  onModuleInit(): void {
    this.keys.revoked.subscribe((id) => this.emit(id));
    // Notifications may have been lost, so the next tick checks all keys.
    this.listener.reconnected.subscribe(() => (this.checkedAt = -Infinity));
    this.timer = setInterval(() => void this.check(), TICK_MS);
    this.timer.unref();
  }

  onModuleDestroy(): void {
    clearInterval(this.timer);
  }

  /** Watches the principal's key until the holder is released. */
  watch(principal: Principal): Holder {
    const keyId = keyIdOf(principal);
    if (keyId === undefined) return new Holder(undefined);
    this.watched.set(keyId, (this.watched.get(keyId) ?? 0) + 1);
    this.unchecked.add(keyId);
    return new Holder(() => {
      const left = (this.watched.get(keyId) ?? 1) - 1;
      if (left === 0) this.watched.delete(keyId);
      else this.watched.set(keyId, left);
    });
  }

  private async checkKeys(): Promise<void> {
    let ids = this.unchecked;
    const now = performance.now();
    if (now - this.checkedAt >= this.settings.CREDENTIAL_CHECK_INTERVAL_MS) {
      // A notification may have been lost.
      this.checkedAt = now;
      ids = new Set(this.watched.keys());
    }
    this.unchecked = new Set();
    if (ids.size === 0) return;
    try {
      for (const id of await this.keys.revokedAmong([...ids])) this.emit(id);
    } catch (error) {
      // The next tick tries again.
      for (const id of ids) this.unchecked.add(id);
      this.logger.warn(`the credentials of open streams could not be checked: ${(error as Error).message}`);
    }
  }

  private emit(keyId: string): void {
    if (this.watched.has(keyId)) this.revocations.next(principalIdOf(keyId));
  }
}
