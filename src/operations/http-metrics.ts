import { Injectable } from '@nestjs/common';
import type { NextFunction, Request, Response } from 'express';
import { Counter, Histogram } from 'prom-client';
import { Metrics } from './metrics.js';

/** Methods with a label of their own. All others are counted as `other`. */
const KNOWN_METHODS = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']);
const AUTH_FAILURES = new Set([
  'credentials_missing',
  'invalid_credentials',
  'invalid_ticket',
  'insufficient_scope',
]);
const REFUSALS = new Set(['rate_limited', 'too_many_streams', 'too_many_failed_attempts']);

/** Counts requests and measures their duration, by the pattern of their route. */
@Injectable()
export class HttpMetrics {
  private readonly requests: Counter<'method' | 'route' | 'status'>;
  private readonly seconds: Histogram<'method' | 'route'>;
  private readonly authFailures: Counter<'code'>;
  private readonly refusals: Counter<'code'>;

  constructor({ registry }: Metrics) {
    const registers = [registry];
    this.requests = new Counter({
      name: 'cloutagent_http_requests_total',
      help: 'Requests, by status. The status is "closed" when the client disconnected before the response began.',
      labelNames: ['method', 'route', 'status'],
      registers,
    });
    this.seconds = new Histogram({
      name: 'cloutagent_http_request_seconds',
      help: 'Duration of requests, except streams and requests that prefer to wait.',
      labelNames: ['method', 'route'],
      buckets: [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
      registers,
    });
    this.authFailures = new Counter({
      name: 'cloutagent_auth_failures_total',
      help: 'Requests without a valid credential or the required scope, by problem code.',
      labelNames: ['code'],
      registers,
    });
    this.refusals = new Counter({
      name: 'cloutagent_rate_limited_total',
      help: 'Requests and streams refused because of a limit, by problem code.',
      labelNames: ['code'],
      registers,
    });
  }

  /** Express middleware. It must be the first one, so that requests that later middleware refuses are counted too. */
  readonly observe = (request: Request, response: Response, next: NextFunction): void => {
    const began = performance.now();
    // `close` is emitted for every response, also when the client disconnects.
    response.once('close', () => {
      const method = KNOWN_METHODS.has(request.method) ? request.method : 'other';
      // The label is the route's pattern, because clients can send any number of different paths.
      const route = (request.route as { path?: string } | undefined)?.path ?? 'none';
      const status = response.headersSent ? String(response.statusCode) : 'closed';
      this.requests.inc({ method, route, status });
      const { problem, waits } = response.locals as { problem?: string; waits?: boolean };
      // How long a request waits for the end of an execution is up to the execution.
      const isWait = waits === true || response.hasHeader('Preference-Applied');
      if (!isWait && !String(response.getHeader('Content-Type')).startsWith('text/event-stream'))
        this.seconds.observe({ method, route }, (performance.now() - began) / 1000);
      if (problem === undefined) return;
      if (AUTH_FAILURES.has(problem)) this.authFailures.inc({ code: problem });
      if (REFUSALS.has(problem)) this.refusals.inc({ code: problem });
    });
    next();
  };
}
