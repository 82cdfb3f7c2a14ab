import { Inject, Injectable, type NestMiddleware } from '@nestjs/common';
import { type NextFunction, type Request, type Response, static as serveFiles } from 'express';
import { resolve, sep } from 'node:path';
import { STATIC_FILES } from '../common/static-files.js';
import { Settings } from '../config/settings.js';
import { webFolder } from './web-folder.js';

const YEAR_MS = 31_536_000_000;

/**
 * Serves the built files. The names of the files in assets/ contain a hash of their content, so they are cached for a
 * year.
 */
@Injectable()
export class DashboardFiles implements NestMiddleware {
  private readonly serve: ReturnType<typeof serveFiles>;

  constructor(@Inject(Settings) settings: Pick<Settings, 'WEB_DIR'>) {
    const root = webFolder(settings);
    const assets = resolve(root, 'assets') + sep;
    this.serve = serveFiles(root, {
      index: false,
      redirect: false,
      cacheControl: false,
      etag: STATIC_FILES.etag,
      setHeaders: (response: Response, path, stats) => {
        STATIC_FILES.setHeaders(response, path, stats);
        response.setHeader(
          'Cache-Control',
          path.startsWith(assets) ? `public, max-age=${YEAR_MS / 1000}, immutable` : 'no-cache',
        );
      },
    });
  }

  use(request: Request, response: Response, next: NextFunction): void {
    // No file has an encoded slash in its name. Such a path could reach index.html without the Content-Security-Policy of
    // pages.
    if (/%2f|%5c|\.\./i.test(request.path)) next();
    else this.serve(request, response, next);
  }
}
