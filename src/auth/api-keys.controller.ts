import { Body, Controller, Delete, Get, HttpCode, Param, Post, Res } from '@nestjs/common';
import { ApiKey, ApiKeyList, CreateApiKey, CreatedApiKey } from '@cloutagent/contract';
import type { Response } from 'express';
import { z } from 'zod';
import { CurrentPrincipal, RequireScope } from './access.decorators.js';
import { ApiKeysService } from './api-keys.service.js';
import type { Principal } from './principal.js';
import { Documented } from '../openapi/documented.decorator.js';

const KeyId = z.uuid();

@Controller('api/keys')
@RequireScope('keys:manage')
export class ApiKeysController {
  constructor(private readonly keys: ApiKeysService) {}

  @Post()
  @Documented({
    summary: 'Make an API key; it is shown this once',
    status: 201,
    response: CreatedApiKey,
    errors: [400, 401, 403, 429],
  })
  async create(
    @Body({ schema: CreateApiKey }) body: CreateApiKey,
    @CurrentPrincipal() principal: Principal,
    @Res({ passthrough: true }) response: Response,
  ): Promise<CreatedApiKey> {
    const key = await this.keys.create(body, principal);
    response.location(`/api/keys/${key.id}`).set('Cache-Control', 'no-store');
    return key;
  }

  @Get()
  @Documented({
    summary: 'The keys of your projects',
    status: 200,
    response: ApiKeyList,
    errors: [401, 403, 429],
  })
  async list(@CurrentPrincipal() principal: Principal): Promise<ApiKeyList> {
    return { keys: await this.keys.list(principal) };
  }

  @Get(':keyId')
  @Documented({
    summary: 'A key of your projects',
    status: 200,
    response: ApiKey,
    errors: [400, 401, 403, 404, 429],
  })
  get(
    @Param('keyId', { schema: KeyId }) keyId: string,
    @CurrentPrincipal() principal: Principal,
  ): Promise<ApiKey> {
    return this.keys.get(keyId, principal);
  }

  @Delete(':keyId')
  @HttpCode(204)
  @Documented({ summary: 'Revoke a key; its streams end', status: 204, errors: [400, 401, 403, 404, 429] })
  async revoke(
    @Param('keyId', { schema: KeyId }) keyId: string,
    @CurrentPrincipal() principal: Principal,
  ): Promise<void> {
    await this.keys.revoke(keyId, principal);
  }
}
