import { Injectable, type OnModuleInit } from '@nestjs/common';
import { DiscoveryService } from '@nestjs/core';
import type { LanguageModel } from 'ai';
import { NodeError } from '../node-handler.js';
import { type ModelProvider, ModelProviderName } from './model-provider.js';

/** Finds models by their full names, `<provider>/<id>`. */
@Injectable()
export class ModelRegistry implements OnModuleInit {
  private readonly providers = new Map<string, ModelProvider>();

  constructor(private readonly discovery: DiscoveryService) {}

  onModuleInit(): void {
    for (const wrapper of this.discovery.getProviders()) {
      const name = wrapper.metatype
        ? this.discovery.getMetadataByDecorator(ModelProviderName, wrapper)
        : undefined;
      if (name !== undefined) this.providers.set(name, wrapper.instance as ModelProvider);
    }
  }

  /** @throws NodeError `model_not_available` */
  resolve(name: string): LanguageModel {
    const problem = this.problem(name);
    if (problem) throw new NodeError('model_not_available', problem);
    const slash = name.indexOf('/');
    return this.providers.get(name.slice(0, slash))!.model(name.slice(slash + 1));
  }

  /** Why a name cannot be used, as a sentence that says what to do; null when it can. */
  problem(name: string): string | null {
    const slash = name.indexOf('/');
    const provider =
      slash > 0 && slash < name.length - 1 ? this.providers.get(name.slice(0, slash)) : undefined;
    if (!provider) {
      const known = [...this.providers.keys()].map((provider) => `${provider}/…`).join(', ');
      return `there is no model "${name}"; names begin with ${known}`;
    }
    return provider.problem();
  }
}
