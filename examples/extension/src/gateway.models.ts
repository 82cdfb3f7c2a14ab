import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import { type ModelProvider, ProvidesModels, SecretRedactor } from '@cloutagent/server';
import { TeamSettings } from './team-settings.js';

const MODELS = ['small', 'large'];

/** The models `gateway/small` and `gateway/large` of the company's own gateway, which has the API of OpenAI. */
@ProvidesModels('gateway')
export class GatewayModels implements ModelProvider {
  readonly model: ModelProvider['model'];

  constructor({ gatewayUrl, gatewayKey }: TeamSettings, secrets: SecretRedactor) {
    secrets.add(gatewayKey);
    const options = { name: 'gateway', baseURL: gatewayUrl, apiKey: gatewayKey, includeUsage: true };
    this.model = createOpenAICompatible(options);
  }

  problem(id: string): string | null {
    if (MODELS.includes(id)) return null;
    return `There is no model "gateway/${id}": use gateway/${MODELS.join(' or gateway/')}.`;
  }
}
