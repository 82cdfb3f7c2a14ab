import { Inject, Injectable } from '@nestjs/common';
import type { Request } from 'express';
import ipaddr from 'ipaddr.js';
import { createHash, timingSafeEqual } from 'node:crypto';
import { Settings } from '../config/settings.js';

/** What a proxy adds: such a request is somebody else's, however near the proxy is. */
const FORWARDED = ['forwarded', 'x-forwarded-for', 'x-forwarded-host', 'x-real-ip', 'via'];
const LOCAL_HOST = /^(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d+)?$/i;

/** Whether a request may read what only operators should see, without being anybody. */
@Injectable()
export class MetricsAccess {
  constructor(@Inject(Settings) private readonly settings: Pick<Settings, 'METRICS_TOKEN' | 'TRUST_PROXY'>) {}

  admits(request: Pick<Request, 'headers' | 'socket'>): boolean {
    const { METRICS_TOKEN: token } = this.settings;
    return token === undefined ? this.isLocal(request) : isBearer(request, token);
  }

  private isLocal({ headers, socket }: Pick<Request, 'headers' | 'socket'>): boolean {
    // A wrong credential is answered as one, wherever it comes from.
    if (headers.authorization !== undefined || headers['x-api-key'] !== undefined) return false;
    // With a proxy in front, everybody comes from its address.
    if (this.settings.TRUST_PROXY !== '' || FORWARDED.some((name) => headers[name] !== undefined))
      return false;
    // A page whose own name was made to point here (DNS rebinding) sends that name.
    if (!LOCAL_HOST.test(headers.host ?? '')) return false;
    const { remoteAddress } = socket;
    return (
      remoteAddress !== undefined &&
      ipaddr.isValid(remoteAddress) &&
      ipaddr.process(remoteAddress).range() === 'loopback'
    );
  }
}

function isBearer({ headers }: Pick<Request, 'headers'>, token: string): boolean {
  const given = /^Bearer +(\S+) *$/i.exec(headers.authorization ?? '')?.[1];
  return given !== undefined && timingSafeEqual(sha256(given), sha256(token));
}

// Of equal length, whatever was given.
const sha256 = (text: string): Buffer => createHash('sha256').update(text).digest();
