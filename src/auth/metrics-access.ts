import { Inject, Injectable } from '@nestjs/common';
import type { Request } from 'express';
import ipaddr from 'ipaddr.js';
import { timingSafeEqual } from 'node:crypto';
import { sha256 } from '../common/sha256.js';
import { Settings } from '../config/settings.js';
import { bearerToken } from './bearer-token.js';

/** Headers that proxies add. A request with one of them comes from another machine, even if the proxy runs on this one. */
const FORWARDED = ['forwarded', 'x-forwarded-for', 'x-forwarded-host', 'x-real-ip', 'via'];
const LOCAL_HOST = /^(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d+)?$/i;

/** Decides whether a request may read the metrics without a principal. */
@Injectable()
export class MetricsAccess {
  constructor(@Inject(Settings) private readonly settings: Pick<Settings, 'METRICS_TOKEN' | 'TRUST_PROXY'>) {}

  /** Whether the request has METRICS_TOKEN, or, without that setting, comes from this machine. */
  admits(request: Pick<Request, 'headers' | 'socket'>): boolean {
    const { METRICS_TOKEN: token } = this.settings;
    return token === undefined ? this.isLocal(request) : hasToken(request, token);
  }

  private isLocal({ headers, socket }: Pick<Request, 'headers' | 'socket'>): boolean {
    // A request with a credential is not admitted as local: the guard must refuse a wrong credential from this machine too.
    if (headers.authorization !== undefined || headers['x-api-key'] !== undefined) return false;
    // Behind a proxy, every request comes from the proxy's address.
    if (this.settings.TRUST_PROXY !== '' || FORWARDED.some((name) => headers[name] !== undefined))
      return false;
    // In a DNS rebinding attack, a web page's own host name points to this machine. The browser sends that name as Host.
    if (!LOCAL_HOST.test(headers.host ?? '')) return false;
    const { remoteAddress } = socket;
    return (
      remoteAddress !== undefined &&
      ipaddr.isValid(remoteAddress) &&
      ipaddr.process(remoteAddress).range() === 'loopback'
    );
  }
}

function hasToken({ headers }: Pick<Request, 'headers'>, token: string): boolean {
  const given = bearerToken(headers.authorization ?? '');
  // timingSafeEqual needs two buffers of equal length, so the digests are compared.
  return given !== undefined && timingSafeEqual(sha256(given), sha256(token));
}
