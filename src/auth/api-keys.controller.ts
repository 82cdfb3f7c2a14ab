import { Body, Controller, Delete, Get, Headers, Param, Post, Req, Res } from '@nestjs/common';
import { ApiKey, ApiKeyList, CreateApiKey, CreatedApiKey } from '@cloutagent/contract';
import type { Request, Response } from 'express';
import { z } from 'zod';
import { CurrentPrincipal, RequireScope } from './access.decorators.js';
import { ApiKeyCreator } from './api-key-creator.js';
import { ApiKeysService } from './api-keys.service.js';
import { credentialOf } from './credential.js';
import type { Principal } from './principal.js';
import { Documented } from '../openapi/documented.decorator.js';
import { checkIdempotencyKey } from '../problems/idempotency-key.js';

const KeyId = z.uuid();

const EXAMPLE_KEY: ApiKey = {
  id: '0199c0de-0000-7000-8000-000000000002',
  name: 'ci',
  prefix: 'ca_Zk3v0mT',
  projects: ['demo'],
  scopes: ['executions:read', 'executions:write'],
  createdAt: '2026-11-23T18:00:00.000Z',
  expiresAt: '2027-11-23T18:00:00.000Z',
  revokedAt: null,
  lastUsedAt: null,
};

@Controller('api/keys')
@RequireScope('keys:manage')
export class ApiKeysController {
  constructor(
    private readonly keys: ApiKeysService,
    private readonly creator: ApiKeyCreator,
  ) {}

  @Post()
  @Documented({
    id: 'createKey',
    tag: 'Keys',
    summary: 'Make an API key, which is shown only in this response',
    description:
      'The server stores only a hash of the key. A key gives no more projects and scopes than your own credential.\n\n' +
      'For 24 hours (KEY_REQUEST_TTL_MS), requests of the same caller with the same Idempotency-Key and body make one key and get ' +
      'the same answer. The secret is repeated only to the API key or JWT that made it.',
    status: 201,
    requestHeaders: ['Idempotency-Key'],
    body: {
      schema: CreateApiKey,
      required: true,
      examples: {
        ci: {
          value: {
            name: 'ci',
            projects: ['demo'],
            scopes: ['executions:read', 'executions:write'],
            expiresAt: '2027-11-23T18:00:00.000Z',
          },
        },
      },
    },
    response: CreatedApiKey,
    examples: { ci: { value: { ...EXAMPLE_KEY, key: 'ca_Zk3v0mT2…' } } },
    responseHeaders: ['Location', 'Idempotency-Replayed'],
    errors: ['expiry_in_the_past', 'not_your_project', 'secret_not_repeatable', 'idempotency_key_reused'],
  })
  async create(
    @Body({ schema: CreateApiKey }) body: CreateApiKey,
    @CurrentPrincipal() principal: Principal,
    @Headers('idempotency-key') idempotencyKey: string | undefined,
    @Req() request: Request,
    @Res({ passthrough: true }) response: Response,
  ): Promise<CreatedApiKey> {
    const { key, replayed } = await this.creator.create(body, principal, repeatable(request, idempotencyKey));
    if (replayed) response.setHeader('Idempotency-Replayed', 'true');
    response.location(`${request.baseUrl}/api/keys/${key.id}`);
    return key;
  }

  @Get()
  @Documented({
    id: 'listKeys',
    tag: 'Keys',
    summary: 'List the keys of your projects',
    description: 'Lists revoked and expired keys too, without the keys themselves.',
    status: 200,
    response: ApiKeyList,
    examples: { keys: { value: { keys: [EXAMPLE_KEY] } } },
  })
  async list(@CurrentPrincipal() principal: Principal): Promise<ApiKeyList> {
    return { keys: await this.keys.list(principal) };
  }

  @Get(':keyId')
  @Documented({
    id: 'getKey',
    tag: 'Keys',
    summary: 'Show a key of your projects',
    description: 'Shows its projects, its scopes and when it was last used, without the key itself.',
    status: 200,
    params: { keyId: KeyId },
    response: ApiKey,
    examples: { ci: { value: EXAMPLE_KEY } },
    errors: ['validation_failed', 'not_found'],
  })
  get(
    @Param('keyId', { schema: KeyId }) keyId: string,
    @CurrentPrincipal() principal: Principal,
  ): Promise<ApiKey> {
    return this.keys.get(keyId, principal);
  }

  @Delete(':keyId')
  @Documented({
    id: 'revokeKey',
    tag: 'Keys',
    summary: 'Revoke a key and end the streams that it opened',
    description:
      'The key is refused at once by every process. It stays in the list with the time in `revokedAt`.',
    status: 204,
    params: { keyId: KeyId },
    errors: ['validation_failed', 'not_found'],
  })
  async revoke(
    @Param('keyId', { schema: KeyId }) keyId: string,
    @CurrentPrincipal() principal: Principal,
  ): Promise<void> {
    await this.keys.revoke(keyId, principal);
  }
}

/** Returns what is needed to recognise the request when it comes again; undefined without an Idempotency-Key. */
function repeatable(request: Request, given: string | undefined) {
  const idempotencyKey = checkIdempotencyKey(given);
  if (idempotencyKey === undefined) return undefined;
  const credential = credentialOf(request);
  return { idempotencyKey, credential: credential.kind === 'text' ? credential.text : undefined };
}
