import { Inject, Injectable, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import { type Observable, Subject } from 'rxjs';
import { coalesce } from '../common/coalesce.js';
import { Holder } from '../common/holder.js';
import { Settings } from '../config/settings.js';
import { Listener } from '../database/listener.js';
import { Logger } from '../logging/logger.js';
import { ApiKeysService } from './api-keys.service.js';
import { keyIdOf, principalIdOf, type Principal } from './principal.js';
import { AuthStrategies } from './strategies/auth-strategies.js';

const TICK_MS = 500;
/** No request lasts that long. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/**
 * Reports principals that lose their access while a stream is open on their behalf: API keys that are revoked, and principals
 * that their authentication strategy does not accept any more. `revoked` does not report expiry: streams know the time in
 * advance and end themselves.
 */
@Injectable()
export class RevocationMonitor implements OnModuleInit, OnModuleDestroy {
  private readonly logger = new Logger(RevocationMonitor.name);
  /** The watched principals, each as it was seen last, and the number of its watches. By principal id. */
  private readonly watched = new Map<string, { principal: Principal; count: number }>();
  /** Keys that may have been revoked after the guard checked them and before the watch began. The next tick checks them. */
  private unchecked = new Set<string>();
  private readonly checkKeys = coalesce(() => this.findRevokedKeys());
  /** Apart from the check of keys, which must not wait for a slow strategy. */
  private readonly checkStrategies = coalesce(() => this.findRefusedPrincipals());
  private timer: NodeJS.Timeout | undefined;
  private keysCheckedAt = performance.now();
  private strategiesCheckedAt = performance.now();
  private readonly revocations = new Subject<string>();

  /** Emits the ids of principals that have lost their access. */
  readonly revoked: Observable<string> = this.revocations;

  constructor(
    private readonly keys: ApiKeysService,
    private readonly strategies: AuthStrategies,
    private readonly listener: Listener,
    @Inject(Settings) private readonly settings: Pick<Settings, 'CREDENTIAL_CHECK_INTERVAL_MS'>,
  ) {}

  onModuleInit(): void {
    this.keys.revoked.subscribe((keyId) => this.emit(principalIdOf(keyId)));
    // Notifications may have been lost, so the next tick checks all keys.
    this.listener.reconnected.subscribe(() => (this.keysCheckedAt = -Infinity));
    this.timer = setInterval(() => {
      void this.checkKeys();
      void this.checkStrategies();
    }, TICK_MS);
    this.timer.unref();
  }

  onModuleDestroy(): void {
    clearInterval(this.timer);
  }

  /** Watches the principal until the holder is released. A JWT cannot be revoked, so it is not watched. */
  watch(principal: Principal): Holder {
    const { id } = principal;
    const keyId = keyIdOf(principal);
    if (keyId === undefined && !this.strategies.canRevoke(principal)) return new Holder(undefined);
    this.watched.set(id, { principal, count: (this.watched.get(id)?.count ?? 0) + 1 });
    if (keyId !== undefined) this.unchecked.add(keyId);
    return new Holder(() => {
      const entry = this.watched.get(id);
      if (!entry || entry.count === 1) this.watched.delete(id);
      else entry.count -= 1;
    });
  }

  /**
   * Watches the principal until the holder is released.
   * @param onLost called when the principal loses its access or its credential expires
   */
  onLoss(principal: Principal, onLost: () => void): Holder {
    const { id, expiresAt } = principal;
    const watched = this.watch(principal);
    const revoked = this.revocations.subscribe((revokedId) => revokedId === id && onLost());
    const expiry =
      expiresAt === null ? undefined : setTimeout(onLost, Math.min(expiresAt - Date.now(), MAX_TIMER_MS));
    return new Holder(() => {
      clearTimeout(expiry);
      revoked.unsubscribe();
      watched.release();
    });
  }

  private async findRevokedKeys(): Promise<void> {
    let ids = this.unchecked;
    const now = performance.now();
    if (now - this.keysCheckedAt >= this.settings.CREDENTIAL_CHECK_INTERVAL_MS) {
      // A notification may have been lost.
      this.keysCheckedAt = now;
      ids = new Set([...this.watched.values()].flatMap(({ principal }) => keyIdOf(principal) ?? []));
    }
    this.unchecked = new Set();
    if (ids.size === 0) return;
    try {
      for (const id of await this.keys.revokedAmong([...ids])) this.emit(principalIdOf(id));
    } catch (error) {
      // The next tick tries again.
      for (const id of ids) this.unchecked.add(id);
      this.logger.warn(`the credentials of open streams could not be checked: ${(error as Error).message}`);
    }
  }

  private async findRefusedPrincipals(): Promise<void> {
    const now = performance.now();
    if (now - this.strategiesCheckedAt < this.settings.CREDENTIAL_CHECK_INTERVAL_MS) return;
    this.strategiesCheckedAt = now;
    const principals = [...this.watched.values()].flatMap(({ principal }) =>
      this.strategies.canRevoke(principal) ? principal : [],
    );
    for (const id of await this.strategies.revokedAmong(principals)) this.emit(id);
  }

  private emit(principalId: string): void {
    if (this.watched.has(principalId)) this.revocations.next(principalId);
  }
}
