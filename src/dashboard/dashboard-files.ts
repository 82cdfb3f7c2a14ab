import { Inject, Injectable, type NestMiddleware } from '@nestjs/common';
import { type NextFunction, type Request, type Response, static as serveFiles } from 'express';
import { resolve, sep } from 'node:path';
import { Settings } from '../config/settings.js';
import { webFolder } from './web-folder.js';

const YEAR_MS = 31_536_000_000;

/** Serves the built files. Those in assets/ carry a hash of their content in their name, so they never change. */
@Injectable()
export class DashboardFiles implements NestMiddleware {
  private readonly serve: ReturnType<typeof serveFiles>;

  constructor(@Inject(Settings) settings: Pick<Settings, 'WEB_DIR'>) {
    const root = webFolder(settings);
    const hashed = resolve(root, 'assets') + sep;
    this.serve = serveFiles(root, {
      index: false,
      redirect: false,
      cacheControl: false,
      setHeaders: (response, path) =>
        response.setHeader(
          'Cache-Control',
          path.startsWith(hashed) ? `public, max-age=${YEAR_MS / 1000}, immutable` : 'no-cache',
        ),
    });
  }

  use(request: Request, response: Response, next: NextFunction): void {
    // A file's own name has no encoded slash; with one, index.html could be had without the policy of pages.
    if (/%2f|%5c|\.\./i.test(request.path)) next();
    else this.serve(request, response, next);
  }
}
