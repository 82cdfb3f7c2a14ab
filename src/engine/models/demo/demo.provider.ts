import type { LanguageModelV4 } from '@ai-sdk/provider';
import { type ModelProvider, ProvidesModels } from '../model-provider.js';
import { DemoModel } from './demo-model.js';
import { DemoOptions } from './demo-options.js';

/** Provides `demo/<id>`: models that need no network and no key, to try and test the server offline. */
@ProvidesModels('demo')
export class DemoModels implements ModelProvider {
  readonly options = DemoOptions;

  problem(): null {
    return null;
  }

  model(id: string): LanguageModelV4 {
    return new DemoModel(id);
  }
}
