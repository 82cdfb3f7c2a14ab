import 'reflect-metadata';
import {
  ConflictException,
  Controller,
  Delete,
  Get,
  HttpException,
  type MessageEvent,
  type MiddlewareConsumer,
  Module,
  type NestModule,
  NotFoundException,
  Param,
  Post,
  RequestMethod,
  ServiceUnavailableException,
  Sse,
} from '@nestjs/common';
import { ApiOperation } from '@nestjs/swagger';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { PROBLEM_CODES } from '@cloutagent/contract';
import express from 'express';
import { once } from 'node:events';
import { createServer, type Server as HttpServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { EMPTY, type Observable } from 'rxjs';
import { Public } from '../src/auth/access.decorators.js';
import { parseSettings } from '../src/config/settings.js';
import { Deprecated } from '../src/index.js';
import { Documented } from '../src/openapi/documented.decorator.js';
import { ADMIN_KEY, createDatabase } from './support/server.js';

const UNKNOWN = '01890000-0000-7000-8000-000000000000';
const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'PROPFIND'];
const ERRORS: Record<string, () => HttpException> = {
  conflict: () => new ConflictException('The report is being written.'),
  silent: () => new ConflictException(),
  'not-found': () => new NotFoundException('There is no such report.'),
  unavailable: () => new ServiceUnavailableException('The secret store is at 10.0.0.1.'),
};

/** Routes as another team would write them. */
@Controller('team')
@Public()
class TeamController {
  @Post('reports')
  add(): object {
    return {};
  }

  @Get('reports/:id')
  get(@Param('id') id: string): object {
    return { id };
  }

  @Delete('reports/:id')
  remove(): void {}

  @Get('errors/:name')
  fail(@Param('name') name: string): never {
    throw ERRORS[name]!();
  }

  @Deprecated({ since: '2027-03-01', sunset: '2027-09-01', link: 'https://docs.example.com/moved' })
  @ApiOperation({ summary: 'Get the old report' })
  @Get('old')
  old(): object {
    return {};
  }

  @Get('old-documented')
  @Documented({
    id: 'getOldReport',
    tag: 'Operations',
    summary: 'Get the old report as ours',
    description: 'Like a route of this server.',
    status: 200,
  })
  @Deprecated({ since: '2027-03-01', link: 'https://docs.example.com/moved' })
  oldDocumented(): object {
    return {};
  }

  @ApiOperation({ summary: 'Watch the old report' })
  @Sse('old-stream')
  @Deprecated({ since: '2027-03-01T12:00:00.900Z', link: 'https://docs.example.com/moved' })
  oldStream(): Observable<MessageEvent> {
    return EMPTY;
  }
}

@Module({ controllers: [TeamController] })
class TeamModule implements NestModule {
  /** Middlewares for all paths must not make every path known. */
  configure(consumer: MiddlewareConsumer): void {
    const pass = (_request: unknown, _response: unknown, next: () => void) => next();
    consumer.apply(pass).forRoutes('*path');
    consumer.apply(pass).forRoutes({ path: '*path', method: RequestMethod.PUT });
  }
}

let app: NestExpressApplication;
let url: string;
beforeAll(async () => {
  // @nestjs/throttler is CommonJS, which Jest loads only after @nestjs/common.
  const { createApp } = await import('../src/create-app.js');
  const settings = parseSettings({
    DATABASE_URL: await createDatabase(),
    BOOTSTRAP_API_KEY: ADMIN_KEY,
    RATE_LIMIT_REQUESTS: '100000',
  });
  app = await createApp(settings, [TeamModule]);
  // The errors that the tests provoke would flood the report.
  app.useLogger(false);
  await app.listen(0, '127.0.0.1');
  url = await app.getUrl();
});
afterAll(() => app.close());

interface Answer {
  status: number;
  allow: string | null;
  headers: Headers;
  body: { code: string; detail: string; status: number } | undefined;
}
async function ask(method: string, path: string, headers: Record<string, string> = {}): Promise<Answer> {
  const response = await fetch(new URL(path, url), {
    method,
    headers: { authorization: `Bearer ${ADMIN_KEY}`, ...headers },
  });
  const text = await response.text();
  const isProblem = response.headers.get('content-type')?.startsWith('application/problem+json');
  return {
    status: response.status,
    allow: response.headers.get('allow'),
    headers: response.headers,
    body: isProblem && text !== '' ? (JSON.parse(text) as Answer['body']) : undefined,
  };
}

interface OpenApi {
  paths: Record<string, Record<string, { summary: string; deprecated?: boolean }>>;
}
const readDocument = async () => (await (await fetch(new URL('/docs/openapi.json', url))).json()) as OpenApi;

describe('a method that no route of the path has', () => {
  it('is answered 405 with Allow on every documented path', async () => {
    const paths = Object.entries((await readDocument()).paths);
    expect(paths.length).toBeGreaterThan(18);
    for (const [template, operations] of paths) {
      const path = template.replaceAll(/\{\w+\}/g, UNKNOWN);
      const { allow } = await ask('OPTIONS', path);
      const allowed = (allow ?? '').split(', ');
      for (const method of Object.keys(operations)) expect(allowed).toContain(method.toUpperCase());
      for (const method of METHODS.filter((one) => !allowed.includes(one))) {
        const answer = await ask(method, path);
        expect([method, path, answer.status, answer.allow]).toEqual([method, path, 405, allow]);
        // The protocols of other products have forms of their own.
        if (method !== 'HEAD' && !/^\/(v1|mcp|api\/(a2a|ag-ui|ai-sdk))\b/.test(path))
          expect(answer.body).toMatchObject({
            code: 'method_not_allowed',
            detail: expect.stringContaining(`does not accept ${method}. Use one of ${allow}`),
          });
      }
    }
  });

  it.each([
    ['PUT', '/api/keys', 'GET, HEAD, POST, OPTIONS'],
    ['GET', `/api/executions/${UNKNOWN}/pause`, 'POST, OPTIONS'],
    ['HEAD', `/api/executions/${UNKNOWN}/pause`, 'POST, OPTIONS'],
    ['POST', '/health/live', 'GET, HEAD, OPTIONS'],
    ['POST', '/docs/openapi.json', 'GET, HEAD, OPTIONS'],
    ['POST', '/', 'GET, HEAD, OPTIONS'],
    ['GET', '/team/reports', 'POST, OPTIONS'],
    ['PUT', '/team/reports/1', 'GET, HEAD, DELETE, OPTIONS'],
  ])('%s %s is answered 405 with Allow: %s', async (method, path, allow) => {
    const answer = await ask(method, path, { authorization: '' });
    expect([answer.status, answer.allow]).toEqual([405, allow]);
  });

  it.each([
    ['POST', '/api/nowhere'],
    ['PUT', '/nowhere'],
    ['DELETE', '/executions'],
    ['PATCH', '/team'],
    ['GET', '/api/nowhere'],
    ['POST', '/team/reports/1/2'],
  ])('%s %s stays 404 without Allow, because no route has the path', async (method, path) => {
    const answer = await ask(method, path);
    expect([answer.status, answer.allow, answer.body?.code]).toEqual([404, null, 'route_not_found']);
  });

  it.each([
    ['TRACE /api/keys HTTP/1.1', 405, 'Allow: GET, HEAD, POST, OPTIONS'],
    ['CONNECT example.com:443 HTTP/1.1', 405, 'Allow: GET'],
    ['NONSENSE /api/keys HTTP/1.1', 400, 'malformed_request'],
  ])('%s is answered %d', async (line, status, content) => {
    const socket = connect(Number(new URL(url).port), '127.0.0.1', () =>
      socket.write(`${line}\r\nHost: example.com\r\nConnection: close\r\n\r\n`),
    );
    let answer = '';
    socket.on('data', (data: Buffer) => (answer += data.toString('latin1')));
    await once(socket, 'close');
    expect(answer).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
    expect(answer).toContain(content);
    expect(answer).toContain('application/problem+json');
  });
});

describe('OPTIONS', () => {
  it.each([
    ['/api/keys', 'GET, HEAD, POST, OPTIONS'],
    ['/team/reports/1', 'GET, HEAD, DELETE, OPTIONS'],
    ['/nowhere', null],
  ])('of %s is answered 204 with Allow: %s', async (path, allow) => {
    const answer = await ask('OPTIONS', path, { authorization: '' });
    expect([answer.status, answer.allow]).toEqual([204, allow]);
  });
});

describe('a server that is mounted under a path', () => {
  let host: HttpServer;
  let base: string;
  beforeAll(async () => {
    const outer = express();
    outer.get('/agents/own', (_request, response) => void response.send('own'));
    outer.use('/agents', app.getHttpAdapter().getInstance());
    host = createServer(outer).listen(0, '127.0.0.1');
    await once(host, 'listening');
    base = `http://127.0.0.1:${(host.address() as AddressInfo).port}`;
  });
  afterAll(() => host.close());

  it.each([
    ['PUT', '/agents/api/keys', 405, 'GET, HEAD, POST, OPTIONS'],
    ['OPTIONS', '/agents/api/keys', 204, 'GET, HEAD, POST, OPTIONS'],
    ['PUT', '/agents/own', 404, null],
  ])('answers %s %s with %d', async (method, path, status, allow) => {
    const { status: actual, headers } = await fetch(`${base}${path}`, { method });
    expect([actual, headers.get('allow')]).toEqual([status, allow]);
  });
});

describe('an exception of an extension', () => {
  it.each([
    ['conflict', 409, 'request_refused', 'The report is being written.'],
    ['silent', 409, 'request_refused', expect.stringContaining('refused the request')],
    ['not-found', 404, 'not_found', 'There is no such report.'],
    ['unavailable', 503, 'internal_error', expect.stringContaining('Internal server error')],
  ])('%s is answered %d with the documented code %s', async (name, status, code, detail) => {
    const { body } = await ask('GET', `/team/errors/${name}`);
    expect(body).toMatchObject({ status, code, detail });
    expect(Object.keys(PROBLEM_CODES)).toContain(code);
  });
});

describe('a failed request for a file', () => {
  it('has a documented code for its range or precondition', async () => {
    const range = await ask('GET', '/docs/swagger-ui.css', { range: 'bytes=99999999-' });
    expect(range.body).toMatchObject({ status: 416, code: 'range_not_satisfiable' });
    expect(range.headers.get('content-range')).toMatch(/^bytes \*\/\d+$/);
    const changed = await ask('GET', '/favicon.svg', { 'if-match': '"x"' });
    expect(changed.body).toMatchObject({ status: 412, code: 'precondition_failed' });
  });
});

describe('ETag', () => {
  it('is not sent: no route compares it', async () => {
    const paths = [
      '/',
      '/favicon.svg',
      '/docs',
      '/docs/swagger-ui.css',
      '/docs/openapi.json',
      '/health/live',
    ];
    for (const path of [...paths, '/api/me', '/api/executions', '/api/keys']) {
      const { status, headers } = await ask('GET', path);
      expect([path, status, headers.get('etag')]).toEqual([path, 200, null]);
    }
  });

  it.each(['/favicon.svg', '/theme.js', '/docs/swagger-ui.css'])(
    'is not needed to revalidate %s',
    async (path) => {
      const { headers } = await ask('GET', path);
      const modified = headers.get('last-modified')!;
      // Files from npm packages have a time of 1985, whatever their version is.
      expect(Date.now() - Date.parse(modified)).toBeLessThan(600_000);
      const before = new Date(Date.parse(modified) - 1_000).toUTCString();
      for (const [since, status] of [
        [modified, 304],
        [before, 200],
      ] as const) {
        // Without max-age=0, fetch itself asks for the whole file.
        const condition = { 'if-modified-since': since, 'cache-control': 'max-age=0' };
        expect((await ask('GET', path, condition)).status).toBe(status);
      }
    },
  );
});

describe('a deprecated route', () => {
  it('says so in its headers', async () => {
    const { status, headers } = await ask('GET', '/team/old');
    expect(status).toBe(200);
    expect(headers.get('deprecation')).toBe('@1803859200');
    expect(headers.get('sunset')).toBe('Wed, 01 Sep 2027 00:00:00 GMT');
    expect(headers.get('link')).toBe('<https://docs.example.com/moved>; rel="deprecation"; type="text/html"');
  });

  it('says so in the headers of a stream', async () => {
    const { status, headers } = await ask('GET', '/team/old-stream');
    expect([status, headers.get('content-type')]).toEqual([200, 'text/event-stream']);
    expect([headers.get('deprecation'), headers.get('sunset')]).toEqual(['@1803902400', null]);
  });

  it('is marked in the OpenAPI document and keeps its summary', async () => {
    const { paths } = await readDocument();
    expect(paths['/team/old']!['get']).toMatchObject({ summary: 'Get the old report', deprecated: true });
    expect(paths['/team/old-stream']!['get']).toMatchObject({
      summary: 'Watch the old report',
      deprecated: true,
    });
    expect(paths['/team/old-documented']!['get']).toMatchObject({
      summary: 'Get the old report as ours',
      deprecated: true,
    });
    expect(paths['/team/reports']!['post']).not.toHaveProperty('deprecated');
  });
});
