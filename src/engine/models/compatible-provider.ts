import type { OpenAICompatibleProvider } from '@ai-sdk/openai-compatible';
import type { ModelEndpoint } from '../../config/settings.js';
import type { ModelFetch } from './model-fetch.js';

/** Makes the provider of a server with OpenAI's chat completions. @param name the name of its options in `providerOptions` */
export async function compatibleProvider(
  name: string,
  { baseUrl, apiKey, headers, structuredOutputs = true }: ModelEndpoint,
  http: ModelFetch,
): Promise<OpenAICompatibleProvider> {
  const { createOpenAICompatible } = await import('@ai-sdk/openai-compatible');
  return createOpenAICompatible({
    name,
    baseURL: baseUrl,
    ...(apiKey !== undefined && { apiKey }),
    ...(headers && { headers }),
    includeUsage: true,
    supportsStructuredOutputs: structuredOutputs,
    fetch: http.for('openai-chat'),
  });
}
