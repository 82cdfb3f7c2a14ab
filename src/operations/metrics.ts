import { Injectable } from '@nestjs/common';
import {
  collectDefaultMetrics,
  Counter,
  Gauge,
  type Histogram as PromHistogram,
  Registry,
} from 'prom-client';
import { Database } from '../database/database.js';
import { DeliveryWorkers } from '../deliveries/delivery-workers.js';
import type { DeliveryStats } from '../deliveries/delivery-stats.js';
import { Dispatcher } from '../engine/dispatch/dispatcher.js';
import { EngineStats } from '../engine/run/engine-stats.js';
import { EventBus } from '../events/event-bus.js';
import { Journal } from '../journal/journal.js';
import { JournalPacker } from '../journal/journal-packer.js';
import { ExecutionCounter } from '../stats/execution-counter.js';
import { NotificationTransport } from '../journal/notifications/notification-transport.js';
import { StreamHub } from '../streaming/stream-hub.js';
import { StreamStats } from '../streaming/stream-stats.js';
import { Histogram } from '../common/histogram.js';
import { WebhookStats } from '../webhooks/webhook-stats.js';

const STREAMS_PER_EXECUTION = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000];
const FINAL_STATUSES = ['completed', 'failed', 'cancelled'] as const;
/** A value and its labels. */
type Sample = [value: number, labels?: Record<string, string>];

/**
 * The metrics of this application, which `/metrics` shows. Hot paths only add numbers, which are read at each scrape. The
 * registry belongs to the application, so two applications in one process have separate metrics.
 */
@Injectable()
export class Metrics {
  readonly registry = new Registry();

  constructor(
    bus: EventBus,
    journal: Journal,
    packer: JournalPacker,
    hub: StreamHub,
    streams: StreamStats,
    engine: EngineStats,
    dispatcher: Dispatcher,
    deliveries: DeliveryWorkers,
    webhooks: WebhookStats,
    counter: ExecutionCounter,
    database: Database,
    notifications: NotificationTransport,
  ) {
    collectDefaultMetrics({ register: this.registry });

    this.gauge('streams_open', 'Open streams.', () => [[hub.count().open]]);
    this.gauge(
      'streams_blocked',
      'Open streams whose client does not read fast enough at the moment.',
      () => [[hub.count().blocked]],
    );
    this.histogram(
      'channel_streams',
      'Open streams per watched execution at the time of the scrape (not cumulative).',
      () => {
        const sizes = new Histogram(STREAMS_PER_EXECUTION);
        for (const size of hub.channelSizes()) sizes.add(size);
        return sizes;
      },
    );
    this.counter('streams_opened_total', 'Streams opened.', () => [[streams.opened]]);
    this.counter(
      'streams_stalled_total',
      'Streams closed because their client read nothing for STREAM_STALL_TIMEOUT_MS.',
      () => [[streams.stalled]],
    );
    this.counter('events_delivered_total', 'Events written to streams.', () => [[streams.delivered]]);
    this.counter('stream_bytes_total', 'Bytes written to streams.', () => [[streams.bytes]]);
    this.counter('stream_bytes_saved_total', 'Bytes that the compression of streams saved.', () => [
      [streams.bytesSaved],
    ]);
    this.counter('catch_up_reads_total', 'Pages read from the journal for streams that catch up.', () => [
      [streams.catchUpReads],
    ]);
    this.counter(
      'recent_events_evicted_total',
      'Recent events removed from memory because their buffer was full.',
      () => [[streams.evicted]],
    );

    this.counter('events_published_total', 'Events recorded by this process.', ['type'], () =>
      Object.entries(bus.published).map(([type, count]): Sample => [count, { type }]),
    );
    this.histogram('journal_flush_events', 'Events per commit.', () => journal.stats.flushEvents);
    this.histogram('journal_commit_seconds', 'Duration of a commit.', () => journal.stats.commitSeconds);
    this.counter('journal_failed_appends_total', 'Appends that failed.', () => [
      [journal.stats.failedAppends],
    ]);
    this.counter(
      'journal_retried_appends_total',
      'Appends retried because the database did not answer or refused writes.',
      () => [[journal.stats.repeatedAppends]],
    );

    this.counter('journal_packed_executions_total', 'Executions whose events this process packed.', () => [
      [packer.packed.executions],
    ]);
    this.counter('journal_packed_events_total', 'Events that this process packed.', () => [
      [packer.packed.events],
    ]);
    this.counter(
      'journal_packed_bytes_total',
      'Bytes of the data of packed events, before and after the compression.',
      ['when'],
      () => [
        [packer.packed.bytesBefore, { when: 'before' }],
        [packer.packed.bytesAfter, { when: 'after' }],
      ],
    );
    this.gauge(
      'journal_pack_backlog',
      'Executions whose events are due to be packed, for all processes together, up to 100,000.',
      () => [[packer.backlog]],
    );

    this.gauge(
      'notifications_carrier',
      'What carries notifications of new events to the other processes: 1 for the one in use.',
      ['carrier'],
      () => [[1, { carrier: notifications.carrier }]],
    );
    this.counter(
      'notifications_received_total',
      'Notifications of new events that this process has received from others, by what carried them.',
      ['carrier'],
      () => Object.entries(notifications.receivedBy).map(([carrier, count]): Sample => [count, { carrier }]),
    );

    this.gauge('executions_running', 'Executions that run in this process, including paused ones.', () => [
      [dispatcher.running],
    ]);
    this.gauge(
      'executions_stored',
      'Root executions that are stored, by status, for all processes together.',
      ['status'],
      () => Object.entries(counter.counts).map(([status, count]): Sample => [count, { status }]),
    );
    this.counter(
      'executions_started_total',
      'Executions started in this process, including those taken over.',
      () => [[bus.published['execution:started']]],
    );
    this.counter('executions_taken_over_total', 'Executions taken over from an owner that died.', () => [
      [engine.takeovers],
    ]);
    this.counter(
      'executions_ended_total',
      'Executions that ended in this process, by status.',
      ['status'],
      () => FINAL_STATUSES.map((status): Sample => [bus.published[`execution:${status}`], { status }]),
    );
    this.counter('steps_total', 'Steps that ended, by node type and result.', ['type', 'result'], () =>
      [...engine.steps].flatMap(([type, results]) =>
        [...results].map(([result, count]): Sample => [count, { type, result }]),
      ),
    );
    this.counter('model_tokens_total', 'Tokens used, by model and direction.', ['model', 'direction'], () =>
      [...engine.models].flatMap(([model, { input, output }]): Sample[] => [
        [input, { model, direction: 'input' }],
        [output, { model, direction: 'output' }],
      ]),
    );
    this.counter(
      'model_cached_tokens_total',
      'Tokens of prompts that providers cache.',
      ['model', 'access'],
      () =>
        [...engine.models].flatMap(([model, { cached }]): Sample[] => [
          [cached.read, { model, access: 'read' }],
          [cached.written, { model, access: 'write' }],
        ]),
    );
    this.counter('model_reasoning_tokens_total', 'Tokens of answers that are reasoning.', ['model'], () =>
      [...engine.models].map(([model, { reasoning }]): Sample => [reasoning, { model }]),
    );
    this.counter('model_cost_usd_total', 'Cost in USD of models with a known price.', ['model'], () =>
      [...engine.models].map(([model, { costUSD }]): Sample => [costUSD, { model }]),
    );

    const ofSubscribers = (read: (stats: DeliveryStats) => number) => () =>
      [...deliveries.stats].map(([subscriber, stats]): Sample => [read(stats), { subscriber }]);
    this.counter(
      'deliveries_total',
      'Events delivered to durable subscribers by this process, and attempts that failed.',
      ['subscriber', 'result'],
      () =>
        [...deliveries.stats].flatMap(([subscriber, { delivered, failed }]): Sample[] => [
          [delivered, { subscriber, result: 'delivered' }],
          [failed, { subscriber, result: 'failed' }],
        ]),
    );
    this.counter(
      'deliveries_died_total',
      'Deliveries that became dead in this process.',
      ['subscriber'],
      ofSubscribers((stats) => stats.died),
    );
    this.gauge(
      'deliveries_pending',
      'Executions with undelivered events, for all processes together.',
      ['subscriber'],
      ofSubscribers((stats) => stats.backlog.pending),
    );
    this.gauge(
      'deliveries_dead',
      'Executions whose delivery is dead, for all processes together.',
      ['subscriber'],
      ofSubscribers((stats) => stats.backlog.dead),
    );
    this.gauge(
      'deliveries_oldest_seconds',
      'How long the oldest pending delivery has made no progress, for all processes together.',
      ['subscriber'],
      ofSubscribers((stats) => stats.backlog.oldestSeconds),
    );

    this.counter(
      'webhook_attempts_total',
      'Requests to webhooks by this process, by result.',
      ['result'],
      () => Object.entries(webhooks.attempts).map(([result, count]): Sample => [count, { result }]),
    );
    this.gauge(
      'webhook_deliveries_pending',
      'Executions with events that a webhook has not got, for all processes together.',
      () => [[webhooks.backlog.pending]],
    );
    this.gauge(
      'webhook_deliveries_dead',
      'Executions whose delivery to a webhook is dead, for all processes together.',
      () => [[webhooks.backlog.dead]],
    );
    this.gauge(
      'webhook_deliveries_oldest_seconds',
      'How long the oldest pending delivery to a webhook has made no progress, for all processes together.',
      () => [[webhooks.backlog.oldestSeconds]],
    );

    const { pool } = database;
    this.gauge('database_connections', 'Connections of the database pool, by state.', ['state'], () => [
      [pool.idleCount, { state: 'idle' }],
      [pool.totalCount - pool.idleCount, { state: 'busy' }],
    ]);
    this.gauge('database_waiting_queries', 'Queries that wait for a connection of the database pool.', () => [
      [pool.waitingCount],
    ]);
  }

  private counter(name: string, help: string, ...rest: Reading): void {
    this.sampled(Counter, name, help, rest);
  }

  private gauge(name: string, help: string, ...rest: Reading): void {
    this.sampled(Gauge, name, help, rest);
  }

  private sampled(Kind: typeof Counter | typeof Gauge, name: string, help: string, rest: Reading): void {
    const [labelNames, read] = rest.length === 1 ? [[], rest[0]] : rest;
    // oxlint-disable-next-line no-new -- a metric registers itself
    new Kind({
      name: `cloutagent_${name}`,
      help,
      labelNames,
      registers: [this.registry],
      collect() {
        this.reset();
        for (const [value, labels = {}] of read()) this.inc(labels, value);
      },
    });
  }

  private histogram(name: string, help: string, read: () => Histogram): void {
    const metric = {
      name: `cloutagent_${name}`,
      help,
      type: 'histogram',
      get: () => Promise.resolve({ ...metric, values: bucketsOf(metric.name, read()) }),
    };
    // prom-client's Histogram accepts only single values. These members are all that the registry needs of a metric.
    this.registry.registerMetric(metric as unknown as PromHistogram);
  }
}

type Reading = [read: () => Iterable<Sample>] | [labelNames: string[], read: () => Iterable<Sample>];

function bucketsOf(name: string, { bounds, counts, sum }: Histogram): object[] {
  let cumulative = 0;
  const buckets = counts.map((count, index) => {
    cumulative += count;
    return {
      metricName: `${name}_bucket`,
      labels: { le: String(bounds[index] ?? '+Inf') },
      value: cumulative,
    };
  });
  return [
    ...buckets,
    { metricName: `${name}_sum`, labels: {}, value: sum },
    { metricName: `${name}_count`, labels: {}, value: cumulative },
  ];
}
