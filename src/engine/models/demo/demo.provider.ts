import type { LanguageModelV4 } from '@ai-sdk/provider';
import { BuiltIn } from '../../extension/built-in.decorator.js';
import { type ModelProvider, ProvidesModels } from '../model-provider.js';
import { DemoModel } from './demo-model.js';
import { DemoOptions } from './demo-options.js';

/** Provides `demo/<id>`: models that need no network and no key, to try and test the server offline. */
@BuiltIn()
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
