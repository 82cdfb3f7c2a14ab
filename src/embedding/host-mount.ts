import type { HttpAdapterHost } from '@nestjs/core';
import express, { type NextFunction, type Request, type RequestHandler, type Response } from 'express';
import { EmbeddingError } from './base-path.js';

/** Routes that only a server with a path of its own answers: at the root they belong to the host. */
const OF_THE_HOST = /^\/(docs|health|metrics)(\/|$)/;

/**
 * The place of the server among the middleware of the host. It is taken as soon as the host has an HTTP adapter, which is
 * before the host adds its own middleware, such as its body parser and CORS. None of that acts on the server's requests.
 */
export class HostMount {
  private handler: RequestHandler | undefined;
  private refusal: EmbeddingError | undefined;

  constructor(private readonly host: HttpAdapterHost) {
    // A testing module gets its adapter only after its providers are created.
    host.init$.subscribe(() => this.attach());
  }

  /** Whether the host answers HTTP requests. A host made by `createApplicationContext` does not. */
  get isAttached(): boolean {
    return Boolean(this.host.httpAdapter);
  }

  /** @throws EmbeddingError if the host does not use Express */
  check(): void {
    if (this.refusal) throw this.refusal;
  }

  /**
   * Passes requests on from now.
   * @param basePath requests at this path and below are the server's
   * @param routes if given, only requests to these paths are the server's, and all others are left to the host
   */
  begin(basePath: string, routes: readonly string[] | undefined, handle: RequestHandler): void {
    const router = express.Router();
    if (routes) {
      const own = express.Router();
      for (const route of routes) own.all(route, handle);
      router.use(basePath || '/', own);
    } else router.use(basePath, handle);
    this.handler = router;
  }

  private attach(): void {
    const adapter = this.host.httpAdapter as HttpAdapterHost['httpAdapter'] | null | undefined;
    if (!adapter) return;
    const type = adapter.getType();
    if (type === 'express')
      adapter.use((request: Request, response: Response, next: NextFunction) => {
        if (this.handler) this.handler(request, response, next);
        else next();
      });
    else
      this.refusal = new EmbeddingError(
        `ExecutionsModule needs a host on Express, but this one runs on ${type}. Use @nestjs/platform-express, or run the server as a process of its own.`,
      );
  }
}

/** Lists the paths that the server answers at the root of its host: those of its controllers. */
export function ownRoutes(app: express.Express): string[] {
  const paths = app.router.stack.flatMap(({ route }) => route?.path ?? []);
  return [...new Set(paths)].filter((path) => !OF_THE_HOST.test(path));
}
