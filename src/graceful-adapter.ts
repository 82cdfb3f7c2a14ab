import { ExpressAdapter } from '@nestjs/platform-express';
import type { Server } from 'node:http';
import { ConnectionDrain } from './connection-drain.js';

/** Express that lets requests under way be answered when the application is closed. */
export class GracefulAdapter extends ExpressAdapter {
  private drain: ConnectionDrain | undefined;

  /** @param graceMs how long connections may take to end, from the beginning of the shutdown on */
  constructor(private readonly graceMs: number) {
    super();
  }

  override initHttpServer(options: Parameters<ExpressAdapter['initHttpServer']>[0]): void {
    super.initHttpServer(options);
    this.drain = new ConnectionDrain(this.getHttpServer() as Server, this.graceMs);
  }

  override beforeClose(): void {
    super.beforeClose();
    this.drain?.begin();
  }

  override async close(): Promise<void> {
    await this.drain?.end();
  }
}
