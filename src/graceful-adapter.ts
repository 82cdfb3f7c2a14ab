import { ExpressAdapter } from '@nestjs/platform-express';
import type { Server } from 'node:http';
import { ConnectionDrain } from './connection-drain.js';

/** An Express adapter that completes the responses under way when the application is closed. */
export class GracefulAdapter extends ExpressAdapter {
  private drain: ConnectionDrain | undefined;

  /** @param graceMs how long connections may take to end, measured from the start of the shutdown */
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
