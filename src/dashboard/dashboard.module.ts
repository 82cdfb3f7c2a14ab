import { type MiddlewareConsumer, Module, type NestModule, RequestMethod } from '@nestjs/common';
import { DashboardController } from './dashboard.controller.js';
import { DashboardFiles } from './dashboard-files.js';

/**
 * Serves the dashboard from WEB_DIR. AppModule imports it last, so that every other route has precedence over its pages.
 */
@Module({ controllers: [DashboardController], providers: [DashboardFiles] })
export class DashboardModule implements NestModule {
  configure(consumer: MiddlewareConsumer): void {
    consumer
      .apply(DashboardFiles)
      .forRoutes(
        { path: 'assets/*path', method: RequestMethod.GET },
        { path: 'favicon.svg', method: RequestMethod.GET },
        { path: 'theme.js', method: RequestMethod.GET },
      );
  }
}
