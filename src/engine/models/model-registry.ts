import type { LanguageModelV4 } from '@ai-sdk/provider';
import { Injectable, type OnModuleInit } from '@nestjs/common';
import { DiscoveryService } from '@nestjs/core';
import { NodeError } from '../extension/node-handler.js';
import { type ModelProvider, ModelProviderName } from './model-provider.js';

/** Something wrong inside `providerOptions`, with its path there. */
export interface OptionsProblem {
  path: (string | number)[];
  message: string;
}

/** Finds the model behind a name such as `anthropic/claude-sonnet-5-5`. */
@Injectable()
export class ModelRegistry implements OnModuleInit {
  private readonly providers = new Map<string, ModelProvider>();

  constructor(private readonly discovery: DiscoveryService) {}

  onModuleInit(): void {
    for (const wrapper of this.discovery.getProviders()) {
      const name = wrapper.metatype
        ? this.discovery.getMetadataByDecorator(ModelProviderName, wrapper)
        : undefined;
      if (name === undefined) continue;
      const provider = wrapper.instance as ModelProvider;
      if (this.providers.has(name) && this.providers.get(name) !== provider) {
        throw new Error(`Two classes have @ProvidesModels('${name}'): rename one.`);
      }
      this.providers.set(name, provider);
    }
  }

  /** Why `name` can't be used, in a sentence that says what to do; null when it can. */
  problem(name: string): string | null {
    const [provider, id] = split(name);
    const source = id ? this.providers.get(provider) : undefined;
    if (source) return source.problem(id);
    const known = [...this.providers.keys()].toSorted().map((key) => `${key}/…`);
    return `There is no model "${name}". Name it provider/model, such as demo/echo; the providers here are ${known.join(', ')}.`;
  }

  /** What is wrong with the part of `providerOptions` that is meant for the provider of `name`. */
  optionsProblems(name: string, providerOptions: Readonly<Record<string, unknown>> = {}): OptionsProblem[] {
    const [provider] = split(name);
    const given = Object.hasOwn(providerOptions, provider) ? providerOptions[provider] : undefined;
    const result = given === undefined ? undefined : this.providers.get(provider)?.options?.safeParse(given);
    return (result?.error?.issues ?? []).map(({ path, message }) => ({
      path: [provider, ...path.map((key) => (typeof key === 'number' ? key : String(key)))],
      message,
    }));
  }

  /** @throws NodeError `model_not_available`, with what `problem` says */
  resolve(name: string): LanguageModelV4 {
    const problem = this.problem(name);
    if (problem) throw new NodeError('model_not_available', problem);
    const [provider, id] = split(name);
    return (this.providers.get(provider) as ModelProvider).model(id);
  }
}

function split(name: string): [provider: string, id: string] {
  const slash = name.indexOf('/');
  return slash === -1 ? [name, ''] : [name.slice(0, slash), name.slice(slash + 1)];
}
