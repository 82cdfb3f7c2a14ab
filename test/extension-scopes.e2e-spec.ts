import 'reflect-metadata';
import { Controller, Get, Injectable, Module, Param, type Type } from '@nestjs/common';
import { SCOPES } from '@cloutagent/contract';
import {
  AllowAnyScope,
  CurrentPrincipal,
  DeclaresScopes,
  NotFoundError,
  ownsProject,
  type Principal,
  Public,
  RequireScope,
} from '../src/index.js';
import { admin, bearer, call, jwt, makeKeyAt } from './support/auth-app.js';
import { createDatabase } from './support/server.js';
import { startTeamApp, type TeamApp } from './support/team-app.js';

@Controller('api/reports')
@RequireScope('reports:read')
class ReportsController {
  @Get('open')
  @Public()
  open(): string {
    return 'open';
  }

  @Get('mine')
  @AllowAnyScope()
  mine(@CurrentPrincipal() principal: Principal): { id: string } {
    return { id: principal.id };
  }

  @Get('costs')
  @RequireScope('reports:read-costs')
  costs(): string[] {
    return [];
  }

  @Get(':projectId')
  list(@Param('projectId') projectId: string, @CurrentPrincipal() principal: Principal): string[] {
    if (!ownsProject(principal, projectId)) throw new NotFoundError('project');
    return [`a report of ${projectId}`];
  }
}

@Controller('api/forgotten')
class ForgottenController {
  @Get()
  read(): string {
    return 'no caller sees this';
  }

  /** Is no route. */
  help(): void {}
}

@DeclaresScopes({ 'reports:read': 'Read reports.' })
@Module({ controllers: [ReportsController, ForgottenController] })
class ReportsModule {}

@Injectable()
@DeclaresScopes({
  'reports:read-costs': 'Read what reports say about costs.',
  'reports:read': 'Read reports.',
})
class Costs {}
@Module({ providers: [Costs] })
class CostsModule {}

describe('scopes of a module', () => {
  let database: string;
  let team: TeamApp;
  beforeAll(async () => {
    database = await createDatabase();
    team = await startTeamApp(database, [ReportsModule, CostsModule]);
  });
  afterAll(() => team.app.close());
  const get = (path: string, headers: Record<string, string>) => call(`${team.url}/api/${path}`, { headers });
  const makeKey = (scopes: string[]) => makeKeyAt(team.url, { scopes });

  it('protect its own controllers', async () => {
    const reader = bearer((await makeKey(['reports:read'])).body.key);
    expect((await get('reports/demo', reader)).body).toEqual(['a report of demo']);
    expect((await get('reports/demo', {})).code).toBe('credentials_missing');
    const foreign = await get('reports/other', reader);
    expect([foreign.status, foreign.code]).toEqual([404, 'not_found']);
    const costs = await get('reports/costs', reader);
    expect([costs.status, costs.code]).toEqual([403, 'insufficient_scope']);
    expect(costs.body.detail).toContain('reports:read-costs');
    const other = bearer((await makeKey(['executions:read'])).body.key);
    expect((await get('reports/demo', other)).body.detail).toContain('reports:read,');
    expect((await get('reports/mine', other)).status).toBe(200);
    expect((await fetch(`${team.url}/api/reports/open`)).status).toBe(200);
  });

  it('belong to the administrator, who may grant them', async () => {
    expect((await get('me', admin)).body.scopes).toEqual([...SCOPES, 'reports:read', 'reports:read-costs']);
    expect((await get('reports/costs', admin)).status).toBe(200);
    expect((await get('keys', admin)).body.keys.find(({ name }) => name === 'bootstrap')?.scopes).toContain(
      'reports:read',
    );
  });

  it('are granted only by callers who have them', async () => {
    const manager = bearer((await makeKey(['keys:manage', 'reports:read'])).body.key);
    expect((await makeKeyAt(team.url, { scopes: ['reports:read'] }, manager)).status).toBe(201);
    const refused = await makeKeyAt(team.url, { scopes: ['reports:read-costs'] }, manager);
    expect([refused.status, refused.code]).toEqual([403, 'insufficient_scope']);
  });

  it.each([
    ['reports.read', 'did you mean reports:read?'],
    ['execution:write', 'did you mean executions:write?'],
    ['zzz', 'the scopes are executions:read, '],
    ['__proto__', 'the scopes are executions:read, '],
  ])('are refused in a key if no module declares them: %s', async (scope, suggestion) => {
    const { status, code, body } = await makeKey(['reports:read', scope]);
    expect([status, code, body.errors[0]?.path]).toEqual([400, 'validation_failed', 'scopes.1']);
    expect(body.errors[0]?.message).toContain(suggestion);
  });

  it('may be in the scope claim of a JWT, which may have unknown names too', async () => {
    const token = bearer(await jwt({ scope: 'openid reports:read reports:write' }));
    expect((await get('me', token)).body.scopes).toEqual(['reports:read']);
    expect((await get('reports/demo', token)).status).toBe(200);
  });

  it('are in the OpenAPI document, with the scope of each operation', async () => {
    const document = (await (await fetch(`${team.url}/docs/openapi.json`)).json()) as {
      paths: Record<string, Record<string, { security?: unknown; 'x-required-scope'?: string }>>;
      components: { securitySchemes: Record<string, { description: string; 'x-scopes': object }> };
    };
    const { bearer: scheme } = document.components.securitySchemes;
    expect(scheme!['x-scopes']).toMatchObject({
      'keys:manage': 'Create, list and revoke API keys.',
      'reports:read': 'Read reports.',
      'reports:read-costs': 'Read what reports say about costs.',
    });
    expect(scheme!.description).toContain('- `reports:read`: Read reports.');
    const operation = (method: string, path: string) => document.paths[path]![method]!;
    const scopeOf = (method: string, path: string) => operation(method, path)['x-required-scope'];
    expect(scopeOf('get', '/api/reports/{projectId}')).toBe('reports:read');
    expect(scopeOf('get', '/api/reports/costs')).toBe('reports:read-costs');
    expect(scopeOf('post', '/api/keys')).toBe('keys:manage');
    expect(scopeOf('get', '/api/reports/mine')).toBeUndefined();
    expect(scopeOf('get', '/api/me')).toBeUndefined();
    expect(operation('get', '/api/reports/open').security).toEqual([]);
    expect(scopeOf('get', '/api/reports/open')).toBeUndefined();
  });

  it('are missing on a route that says nothing, which refuses every caller and is logged at start', async () => {
    expect((await get('forgotten', admin)).status).toBe(403);
    expect(team.log.filter((line) => line.includes('refuses every caller'))).toEqual([
      expect.stringMatching(/^ForgottenController\.read of ReportsModule refuses every caller/),
    ]);
  });

  const moduleWith = (scopes: Record<string, string>, controllers: Type[] = []) => {
    @DeclaresScopes(scopes)
    @Module({ controllers })
    class TeamModule {}
    return TeamModule;
  };

  it.each<[string, Record<string, string>, string]>([
    ['a capital letter', { 'Reports:read': 'x' }, '"Reports:read" is not the name of a scope'],
    ['no colon', { reports: 'x' }, '"reports" is not the name of a scope'],
    ['65 characters', { [`reports:${'x'.repeat(57)}`]: 'x' }, 'at most 64 characters'],
    ['a reserved word', { 'executions:delete': 'x' }, 'begins with executions:, which is reserved'],
    ['no description', { 'reports:read': ' ' }, '"reports:read" has no description'],
    ['two descriptions', { 'reports:read': 'x' }, 'already declared with the description "Read reports."'],
  ])('stop the start if they are declared with %s', async (_name, scopes, message) => {
    await expect(
      startTeamApp(database, [moduleWith({ 'reports:read': 'Read reports.' }), moduleWith(scopes)]),
    ).rejects.toThrow(message);
  });

  it('stop the start if a route requires one that no module declares', async () => {
    const scopes = { 'reports:read': 'Read reports.', 'reports:read-cost': 'Misspelled.' };
    await expect(startTeamApp(database, [moduleWith(scopes, [ReportsController])])).rejects.toThrow(
      'ReportsController.costs of TeamModule requires a scope that no module declares: there is no scope "reports:read-costs"; did you mean reports:read-cost?',
    );
  });
});
