import { Controller, Get, Header } from '@nestjs/common';
import { SkipThrottle } from '@nestjs/throttler';
import { Registry } from 'prom-client';
import { z } from 'zod';
import { AllowOperator, RequireScope } from '../auth/access.decorators.js';
import { Documented } from '../openapi/documented.decorator.js';
import { Metrics } from './metrics.js';

@Controller('metrics')
@SkipThrottle()
export class MetricsController {
  constructor(private readonly metrics: Metrics) {}

  @Get()
  @AllowOperator()
  @RequireScope('keys:manage')
  @Header('Content-Type', Registry.PROMETHEUS_CONTENT_TYPE)
  @Documented({
    id: 'getMetrics',
    tag: 'Operations',
    summary: 'Show the metrics of this process for Prometheus',
    description:
      'Accepts `Authorization: Bearer <METRICS_TOKEN>`, or a credential with the scope keys:manage. If METRICS_TOKEN is not ' +
      'set, callers on the same machine need no credential.',
    status: 200,
    response: z.string(),
    examples: {
      streams: {
        value:
          '# HELP cloutagent_streams_open Open streams.\n# TYPE cloutagent_streams_open gauge\ncloutagent_streams_open 3\n',
      },
    },
    contentType: 'text/plain',
    anyQuery: true,
  })
  show(): Promise<string> {
    return this.metrics.registry.metrics();
  }
}
