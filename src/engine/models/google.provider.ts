import type { GoogleProvider } from '@ai-sdk/google';
import type { LanguageModelV4 } from '@ai-sdk/provider';
import { Inject } from '@nestjs/common';
import { Settings } from '../../config/settings.js';
import { BuiltIn } from '../extension/built-in.decorator.js';
import { missingKey } from './missing-key.js';
import { ModelFetch } from './model-fetch.js';
import { type ModelProvider, ProvidesModels } from './model-provider.js';

/** Provides `google/<id>`: the Gemini API. */
@BuiltIn()
@ProvidesModels('google')
export class GoogleModels implements ModelProvider {
  private provider: Promise<GoogleProvider> | undefined;

  constructor(
    @Inject(Settings) private readonly settings: Pick<Settings, 'GOOGLE_API_KEY' | 'GOOGLE_BASE_URL'>,
    private readonly http: ModelFetch,
  ) {}

  problem(): string | null {
    return missingKey(this.settings, 'Google', 'GOOGLE_API_KEY');
  }

  async model(id: string): Promise<LanguageModelV4> {
    this.provider ??= this.load();
    return (await this.provider)(id);
  }

  private async load(): Promise<GoogleProvider> {
    const { createGoogle } = await import('@ai-sdk/google');
    return createGoogle({
      apiKey: this.settings.GOOGLE_API_KEY ?? '',
      baseURL: this.settings.GOOGLE_BASE_URL ?? 'https://generativelanguage.googleapis.com/v1beta',
      fetch: this.http.for('google'),
    });
  }
}
