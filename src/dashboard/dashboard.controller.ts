import { Controller, Get, Inject, NotFoundException, Req, Res } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import { SkipThrottle } from '@nestjs/throttler';
import type { Request, Response } from 'express';
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { Public } from '../auth/access.decorators.js';
import { Settings } from '../config/settings.js';
import { ProblemError } from '../problems/problem.error.js';
import { PAGE_POLICY } from './page-policy.js';
import { webFolder } from './web-folder.js';

/** Paths that belong to programs: what is not there stays a problem, whoever asks. */
const FOR_PROGRAMS = /^\/(api|docs|health|metrics|assets)(\/|$)/i;

/**
 * Answers a browser that navigates to a page of the dashboard with index.html; the page itself finds out
 * which one it is. Anything else that no route takes is a 404 as before.
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

  /** @throws ProblemError 404 when the dashboard was not built */
  @Get(['', '*path'])
  async page(@Req() request: Request, @Res() response: Response): Promise<void> {
    const home = request.path === '/';
    // A browser names text/html; curl and fetch take anything, and mean a program.
    const navigates = /\btext\/html\b/i.test(request.get('Accept') ?? '');
    if (FOR_PROGRAMS.test(request.path) || !(home || navigates)) throw new NotFoundException();
    const html = await readFile(this.index, 'utf8').catch(() => {
      throw new ProblemError('dashboard_not_built');
    });
    response
      .setHeader('Content-Security-Policy', PAGE_POLICY)
      .setHeader('Cache-Control', 'no-cache')
      .vary('Accept')
      .type('html')
      .send(html);
  }
}
