import { ExpressAdapter } from '@nestjs/platform-express';
import type { Server } from 'node:http';
import { STATIC_FILES } from './common/static-files.js';
import { ConnectionDrain } from './connection-drain.js';

/**
 * An Express adapter that completes the responses under way when the application is closed, and that serves files without
 * ETag.
 */
export class GracefulAdapter extends ExpressAdapter {
  private drain: ConnectionDrain | undefined;

  /** @param graceMs how long connections may take to end, measured from the start of the shutdown */
  constructor(private readonly graceMs: number) {
    super();
  }

  override initHttpServer(options: Parameters<ExpressAdapter['initHttpServer']>[0]): void {
    super.initHttpServer(options);
    const server: Server = this.getHttpServer();
    this.drain = new ConnectionDrain(server, this.graceMs);
  }

  /** Nest's Swagger module serves its files by this method. */
  override useStaticAssets(path: string, options: Parameters<ExpressAdapter['useStaticAssets']>[1]): this {
    return super.useStaticAssets(path, { ...STATIC_FILES, ...options }) as this;
  }

  override beforeClose(): void {
    super.beforeClose();
    this.drain?.begin();
  }

  override async close(): Promise<void> {
    await this.drain?.end();
  }
}
