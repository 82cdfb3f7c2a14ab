import { Inject, Injectable, Logger, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import { Observable } from 'rxjs';
import { Settings } from '../config/settings.js';
import { ApiKeysService } from './api-keys.service.js';
import { keyIdOf, type Principal } from './principal.js';

const TICK_MS = 500;

/** Tells open streams when their credential has expired or was revoked. One timer for all. */
@Injectable()
export class CredentialWatch implements OnModuleInit, OnModuleDestroy {
  private readonly logger = new Logger(CredentialWatch.name);
  private readonly watched = new Map<() => void, Principal>();
  private timer: NodeJS.Timeout | undefined;
  private checkedAt = Date.now();

  constructor(
    private readonly keys: ApiKeysService,
    @Inject(Settings) private readonly settings: Pick<Settings, 'CREDENTIAL_RECHECK_MS'>,
  ) {}

  onModuleInit(): void {
    this.keys.revoked.subscribe((id) => this.endKeys(new Set([id])));
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
      return () => this.watched.delete(end);
    });
  }

  private tick(): void {
    const now = Date.now();
    for (const [end, { expiresAt }] of this.watched) if (expiresAt !== null && expiresAt <= now) end();
    if (now - this.checkedAt < this.settings.CREDENTIAL_RECHECK_MS) return;
    this.checkedAt = now;
    // A notification may have been lost.
    const ids = new Set([...this.watched.values()].flatMap((principal) => keyIdOf(principal) ?? []));
    this.keys.revokedAmong([...ids]).then(
      (revoked) => this.endKeys(new Set(revoked)),
      (error: Error) => this.logger.warn(`credentials could not be checked again: ${error.message}`),
    );
  }

  private endKeys(ids: ReadonlySet<string>): void {
    for (const [end, principal] of this.watched) if (ids.has(keyIdOf(principal) ?? '')) end();
  }
}
