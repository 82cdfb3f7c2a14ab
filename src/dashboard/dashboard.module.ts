import { type MiddlewareConsumer, Module, type NestModule, RequestMethod } from '@nestjs/common';
import { DashboardController } from './dashboard.controller.js';
import { DashboardFiles } from './dashboard-files.js';

/** The dashboard that `npm run build` leaves in WEB_DIR. Imported last: every other route is before its pages. */
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
