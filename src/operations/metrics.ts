import { Injectable } from '@nestjs/common';
import {
  collectDefaultMetrics,
  Counter,
  Gauge,
  type Histogram as PromHistogram,
  Registry,
} from 'prom-client';
import { Database } from '../database/database.js';
import { Dispatcher } from '../engine/dispatch/dispatcher.js';
import { EngineStats } from '../engine/run/engine-stats.js';
import { EventBus } from '../events/event-bus.js';
import { Journal } from '../journal/journal.js';
import { StreamHub } from '../streaming/stream-hub.js';
import { StreamStats } from '../streaming/stream-stats.js';
import { Histogram } from '../common/histogram.js';

const SIZES = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000];
const ENDS = ['completed', 'failed', 'cancelled'] as const;
/** A value with its labels. */
type Sample = [value: number, labels?: Record<string, string>];

/**
 * What this application shows at `/metrics`. Hot paths only add plain numbers up; they are read when
 * somebody scrapes. The registry is the application's own: two in one process share nothing.
 */
@Injectable()
export class Metrics {
  readonly registry = new Registry();

  constructor(
    bus: EventBus,
    journal: Journal,
    hub: StreamHub,
    streams: StreamStats,
    engine: EngineStats,
    dispatcher: Dispatcher,
    database: Database,
  ) {
    collectDefaultMetrics({ register: this.registry });

    this.gauge('streams_open', 'Open streams.', () => [[hub.count().open]]);
    this.gauge('streams_blocked', 'Open streams whose socket takes nothing at the moment.', () => [
      [hub.count().blocked],
    ]);
    this.histogram(
      'channel_subscribers',
      'Open streams of each watched execution, as they are now: not a running total.',
      () => {
        const sizes = new Histogram(SIZES);
        for (const size of hub.channelSizes()) sizes.add(size);
        return sizes;
      },
    );
    this.counter('streams_opened_total', 'Streams opened.', () => [[streams.opened]]);
    this.counter('streams_stalled_total', 'Streams closed because their socket took nothing.', () => [
      [streams.stalled],
    ]);
    this.counter('events_delivered_total', 'Events written to streams.', () => [[streams.delivered]]);
    this.counter('stream_bytes_total', 'Bytes written to streams.', () => [[streams.bytes]]);
    this.counter('stream_bytes_saved_total', 'Bytes that compression of streams saved.', () => [
      [streams.bytesSaved],
    ]);
    this.counter('catch_up_reads_total', 'Pages read from the journal for streams that were behind.', () => [
      [streams.catchUpReads],
    ]);
    this.counter('ring_evictions_total', 'Recent events dropped from memory to make room.', () => [
      [streams.evicted],
    ]);

    this.counter('events_published_total', 'Events recorded by this process.', ['type'], () =>
      Object.entries(bus.published).map(([type, count]): Sample => [count, { type }]),
    );
    this.histogram('journal_flush_events', 'Events of one commit.', () => journal.stats.flushEvents);
    this.histogram('journal_commit_seconds', 'What a commit took.', () => journal.stats.commitSeconds);
    this.counter('journal_failed_appends_total', 'Appends that were refused.', () => [
      [journal.stats.failedAppends],
    ]);
    this.counter(
      'journal_repeated_appends_total',
      'Appends that were sent again because the database did not answer or could not take them.',
      () => [[journal.stats.repeatedAppends]],
    );

    this.gauge('executions_running', 'Executions under way in this process, paused ones included.', () => [
      [dispatcher.running],
    ]);
    this.counter('executions_started_total', 'Executions begun here, those taken over included.', () => [
      [bus.published['execution:started']],
    ]);
    this.counter('executions_taken_over_total', 'Executions taken over after their owner had gone.', () => [
      [engine.takeovers],
    ]);
    this.counter('executions_ended_total', 'Executions that came to their end here.', ['status'], () =>
      ENDS.map((status): Sample => [bus.published[`execution:${status}`], { status }]),
    );
    this.counter('steps_total', 'Steps that ended, by node type and how.', ['type', 'result'], () =>
      [...engine.steps].flatMap(([type, results]) =>
        [...results].map(([result, count]): Sample => [count, { type, result }]),
      ),
    );
    this.counter('model_tokens_total', 'Tokens used.', ['model', 'direction'], () =>
      [...engine.models].flatMap(([model, { input, output }]): Sample[] => [
        [input, { model, direction: 'input' }],
        [output, { model, direction: 'output' }],
      ]),
    );
    this.counter('model_cost_usd_total', 'Cost in USD, of models whose price is known.', ['model'], () =>
      [...engine.models].map(([model, { costUSD }]): Sample => [costUSD, { model }]),
    );

    const { pool } = database;
    this.gauge('database_connections', 'Connections to the database, by state.', ['state'], () => [
      [pool.idleCount, { state: 'idle' }],
      [pool.totalCount - pool.idleCount, { state: 'busy' }],
    ]);
    this.gauge('database_waiting', 'Queries that wait for a connection.', () => [[pool.waitingCount]]);
  }

  private counter(name: string, help: string, ...rest: Reading): void {
    this.sampled(Counter, name, help, rest);
  }

  private gauge(name: string, help: string, ...rest: Reading): void {
    this.sampled(Gauge, name, help, rest);
  }

  private sampled(Kind: typeof Counter | typeof Gauge, name: string, help: string, rest: Reading): void {
    const [labelNames, read] = rest.length === 1 ? [[], rest[0]] : rest;
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
    // The package's own Histogram takes values one by one only; all the registry asks of one is this.
    this.registry.registerMetric(metric as unknown as PromHistogram);
  }
}

type Reading = [read: () => Iterable<Sample>] | [labelNames: string[], read: () => Iterable<Sample>];

function bucketsOf(name: string, { bounds, counts, sum }: Histogram): object[] {
  let upTo = 0;
  const buckets = counts.map((count, place) => {
    upTo += count;
    return { metricName: `${name}_bucket`, labels: { le: String(bounds[place] ?? '+Inf') }, value: upTo };
  });
  return [
    ...buckets,
    { metricName: `${name}_sum`, labels: {}, value: sum },
    { metricName: `${name}_count`, labels: {}, value: upTo },
  ];
}
