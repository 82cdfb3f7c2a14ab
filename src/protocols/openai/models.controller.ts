import { Controller, Get, Req } from '@nestjs/common';
import type { Request } from 'express';
import { CurrentPrincipal, RequireScope } from '../../auth/access.decorators.js';
import type { Principal } from '../../auth/principal.js';
import { Documented } from '../../openapi/documented.decorator.js';
import { EXAMPLE_MODEL } from './examples.js';
import { ModelNames } from './model-names.js';
import { OPENAI_ERROR } from './openai-error.js';
import { ModelList, ModelObject } from './schemas.js';

/** Saved workflows as models of OpenAI. */
@Controller('v1/models')
@RequireScope('workflows:read')
export class OpenAiModelsController {
  constructor(private readonly models: ModelNames) {}

  @Get()
  @Documented({
    id: 'listOpenAiModels',
    tag: 'OpenAI',
    summary: 'List the saved workflows as models',
    description:
      'Names have the project (`project/name`), unless your credential has exactly one. A version or an alias may follow each name.',
    status: 200,
    anyQuery: true,
    response: ModelList,
    examples: { list: { value: { object: 'list', data: [EXAMPLE_MODEL] } } },
    errorForm: OPENAI_ERROR,
  })
  async list(@CurrentPrincipal() principal: Principal): Promise<ModelList> {
    return { object: 'list', data: await this.models.list(principal) };
  }

  /** The name has a slash if it has a project. Clients encode it, but not all do. */
  @Get('{*model}')
  @Documented({
    id: 'getOpenAiModel',
    tag: 'OpenAI',
    summary: 'Get a saved workflow as a model',
    description: 'The name as in `model` of a request, also with a version or an alias.',
    status: 200,
    anyQuery: true,
    response: ModelObject,
    examples: { model: { value: EXAMPLE_MODEL } },
    errors: ['not_found'],
    errorForm: OPENAI_ERROR,
  })
  get(@Req() { params }: Request, @CurrentPrincipal() principal: Principal): Promise<ModelObject> {
    const { model } = params as { model?: string | string[] };
    return this.models.describe([model ?? []].flat().join('/'), principal);
  }
}
