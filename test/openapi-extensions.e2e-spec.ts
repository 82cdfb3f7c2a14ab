import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { ExtensionServer } from './support/extension-server.js';
import { type OpenApiDocument, OpenApiValidator, type Operation } from './support/openapi-validator.js';
import { createDatabase, type Server } from './support/server.js';

const run = promisify(execFile);

/** Controllers as other teams may write them: with decorators of @nestjs/swagger, with few, and with none. */
const MODULE = `
  import { All, Body, Controller, Get, Param, Post, Query } from '@nestjs/common';
  import { ApiBearerAuth, ApiExcludeEndpoint, ApiHeader, ApiOperation, ApiProperty, ApiResponse } from '@nestjs/swagger';
  import { Public, RequireScope } from '../auth/access.decorators.js';
  import { Documented } from '../openapi/documented.decorator.js';
  import { Deprecated } from '../openapi/deprecated.decorator.js';

  // Has the name of a schema of the server, and another content.
  class Execution {
    @ApiProperty({ nullable: true, type: String }) note: string | null;
    @ApiProperty({ minimum: 1, maximum: 5, example: 3 }) stars: number;
  }
  // @nestjs/swagger throws for a property without a type.
  class Untyped {
    @ApiProperty() value;
  }
  const Reports = (() => {
    // Has the name of a controller of the server.
    @Controller('team/reports')
    @RequireScope('executions:read')
    class ExecutionsController {
      @Get() list(@Query({ schema: z.object({ size: z.int().min(1), color: z.enum(['red', 'blue']).optional() }) }) query) { return query; }
      @Get(':reportId') get(@Param('reportId') id) { return id; }
      @Post()
      @ApiOperation({ operationId: 'startExecution', summary: 'Make a report' })
      @ApiResponse({ status: 201, type: Execution })
      @ApiHeader({ name: 'X-Team' })
      make(@Body() body: Execution) { return body; }
      @Post('strict')
      strict(@Body({ schema: z.object({ name: z.string() }).meta({ id: 'TeamReport' }) }) body) { return body; }
    }
    return ExecutionsController;
  })();

  @Controller('team')
  class TeamController {
    @Public(true) @Get('public') open() { return 'ok'; }
    @Public(true) @All('any') any() { return 'ok'; }
    @Public(true) @Get('files/*path') file() { return 'ok'; }
    @ApiBearerAuth('a-scheme-that-does-not-exist') @RequireScope('keys:manage') @Get(['one', 'two']) alias() { return 'ok'; }
    @Public(true) @Get('old') @Deprecated({ since: '2026-01-01', link: 'https://docs.example.com/old' })
    @ApiHeader({ name: 'X-Old' })
    @Documented({
      id: 'getOld', tag: 'Operations', summary: 'Old', description: 'An old route.', status: 200,
      response: z.object({ old: z.boolean() }), examples: { old: { value: { old: true } } },
    })
    old() { return { old: true }; }
    @Public(true) @ApiExcludeEndpoint() @Get('hidden') hidden() { return 'ok'; }
  }

  @Controller('team/untyped')
  class UntypedController {
    @Public(true) @Post() make(@Body() body: Untyped) { return body; }
  }

  @Module({ controllers: [Reports, TeamController, UntypedController] })
  class TeamModule {}
`;

describe('the OpenAPI document with controllers of another team', () => {
  let extension: ExtensionServer;
  let server: Server;
  let document: OpenApiDocument;
  let text: string;

  beforeAll(async () => {
    extension = await ExtensionServer.start(MODULE, {
      DATABASE_URL: await createDatabase(),
      BOOTSTRAP_API_KEY: 'test-administrator-key-of-32-characters',
    });
    ({ server } = extension);
    ({ text } = await server.call('GET', '/docs/openapi.json'));
    document = JSON.parse(text) as OpenApiDocument;
  });
  afterAll(() => extension.stop());

  const operation = (route: string): Operation => {
    const [method, path] = route.split(' ') as [string, string];
    return document.paths[path]![method.toLowerCase()]!;
  };

  it('is valid', async () => {
    const file = join(process.cwd(), 'dist', '.openapi-extensions.json');
    await writeFile(file, text);
    const { stdout } = await run(process.execPath, ['scripts/check-openapi.ts', file]).catch(
      (error: unknown) => error as { stdout: string; stderr: string },
    );
    expect(stdout).toContain('The OpenAPI document is valid');
  });

  it('has their routes, and keeps the ids of the server', () => {
    const ids = new OpenApiValidator(document).operations().map((route) => route.operation.operationId);
    expect(new Set(ids).size).toBe(ids.length);
    expect(operation('POST /api/executions').operationId).toBe('startExecution');
    expect(operation('POST /team/reports').operationId).toBe('startExecution2');
    expect(document.paths).toHaveProperty(['/team/any', 'put']);
    expect(document.paths).toHaveProperty('/team/two');
    expect(document.paths).not.toHaveProperty('/team/hidden');
  });

  it('leaves out a controller that cannot be described, and logs why', () => {
    expect(document.paths).not.toHaveProperty('/team/untyped');
    expect(server.output()).toMatch(/UntypedController is missing in the OpenAPI document: .*"value"/);
  });

  it('shows the access to their routes as the guard checks it', () => {
    expect(operation('GET /team/public').security).toEqual([]);
    expect(operation('GET /team/one')).toMatchObject({
      security: [{ bearer: [] }, { apiKey: [] }],
      'x-required-scope': 'keys:manage',
    });
    expect(operation('GET /team/reports')['x-required-scope']).toBe('executions:read');
  });

  it('names their parameters', () => {
    const parameters = (route: string) =>
      operation(route).parameters.map((parameter) => ('$ref' in parameter ? parameter.$ref : parameter));
    expect(parameters('GET /team/reports')).toMatchObject([
      { name: 'size', in: 'query', required: true, schema: { type: 'integer', minimum: 1 } },
      { name: 'color', in: 'query', required: false, schema: { enum: ['red', 'blue'] } },
    ]);
    expect(parameters('GET /team/reports/{reportId}')).toMatchObject([
      { name: 'reportId', in: 'path', required: true, schema: { type: 'string' } },
    ]);
    expect(parameters('GET /team/files/{path}')).toMatchObject([{ name: 'path', in: 'path' }]);
    expect(parameters('POST /team/reports')).toMatchObject([{ name: 'X-Team', in: 'header' }]);
  });

  it('marks deprecated routes, and names their headers', async () => {
    expect(operation('GET /team/old')).toMatchObject({ deprecated: true, parameters: [{ name: 'X-Old' }] });
    const { status, headers, text: body } = await server.call('GET', '/team/old');
    const exchange = { method: 'GET', path: '/team/old', status, headers, text: body };
    expect(headers.get('deprecation')).toBe('@1767225600');
    expect(new OpenApiValidator(document).check(exchange)).toEqual([]);
  });

  it('keeps their schemas apart from those of the server', () => {
    const { schema } = operation('POST /team/reports').requestBody!.content['application/json']!;
    const name = (schema['$ref'] as string).split('/').at(-1)!;
    expect(name).not.toBe('Execution');
    expect(document.components.schemas[name]).toMatchObject({
      properties: { note: { type: ['string', 'null'] }, stars: { maximum: 5 } },
    });
    expect(document.components.schemas['Execution']).toHaveProperty('properties.tokenUsage');
    expect(document.components.schemas).toHaveProperty('TeamReport');
  });
});
