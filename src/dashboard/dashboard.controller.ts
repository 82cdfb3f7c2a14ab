import { Controller, Get, Inject, Req, Res } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import { SkipThrottle } from '@nestjs/throttler';
import type { Request, Response } from 'express';
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { Public } from '../auth/access.decorators.js';
import { Settings } from '../config/settings.js';
import { ProblemError, RouteNotFoundError } from '../problems/problem.error.js';
import { PAGE_POLICY } from './page-policy.js';
import { webFolder } from './web-folder.js';

/** Paths that programs use. A path below them that matches no route is answered with a problem, also for browsers. */
const PROGRAM_PATHS = /^\/(api|docs|health|metrics|assets)(\/|$)/i;

/**
 * Answers a browser that navigates to a page of the dashboard with index.html, whose script shows the page for the path.
 * Other requests that match no route are answered with 404.
 */
@Controller()
@Public(true)
@SkipThrottle()
@ApiExcludeController()
export class DashboardController {
  private readonly index: string;

  constructor(@Inject(Settings) settings: Pick<Settings, 'WEB_DIR'>) {
    this.index = resolve(webFolder(settings), 'index.html');
  }

  /** @throws ProblemError 404 when the dashboard has not been built */
  @Get(['', '*path'])
  async page(@Req() request: Request, @Res() response: Response): Promise<void> {
    const isHome = request.path === '/';
    // A browser that navigates accepts text/html explicitly. curl and fetch accept any type.
    const isNavigation = /\btext\/html\b/i.test(request.get('Accept') ?? '');
    if (PROGRAM_PATHS.test(request.path) || !(isHome || isNavigation)) throw new RouteNotFoundError();
    const html = await readFile(this.index, 'utf8').catch(() => {
      throw new ProblemError('dashboard_not_built');
    });
    response
      .setHeader('Content-Security-Policy', PAGE_POLICY)
      .setHeader('Cache-Control', 'no-cache')
      .vary('Accept')
      .type('html')
      .send(underPath(html, request.baseUrl));
  }
}

/** Writes the path at which the server runs into the page, and before each of its URLs, which are absolute paths. */
function underPath(html: string, baseUrl: string): string {
  // The client has sent it. A path has no raw quotation marks in it.
  const path = baseUrl.replaceAll('"', '%22');
  if (path === '') return html;
  return html
    .replaceAll(/(src|href)="\//g, (attribute) => attribute.replace('/', `${path}/`))
    .replace('<html', (tag) => `${tag} data-base="${path}"`);
}
