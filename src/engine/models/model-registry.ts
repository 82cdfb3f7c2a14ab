import type { LanguageModelV4 } from '@ai-sdk/provider';
import { Injectable, type OnModuleInit } from '@nestjs/common';
import { ExtensionDiscovery } from '../../discovery/extension-discovery.js';
import { NodeError } from '../extension/node-handler.js';
import { type ModelProvider, ModelProviderName } from './model-provider.js';

/** A problem inside `providerOptions`, with its path there. */
export interface OptionsProblem {
  path: (string | number)[];
  message: string;
}

/** Finds models by names such as `anthropic/claude-sonnet-5-5`. */
@Injectable()
export class ModelRegistry implements OnModuleInit {
  private readonly providers = new Map<string, ModelProvider>();

  constructor(private readonly discovery: ExtensionDiscovery) {}

  /** @throws Error if two providers have the same name: the server does not start */
  onModuleInit(): void {
    for (const { value: name, instance } of this.discovery.classesWith(ModelProviderName)) {
      if (this.providers.has(name))
        throw new Error(`Two classes have @ProvidesModels('${name}'): rename one of them.`);
      this.providers.set(name, instance as ModelProvider);
    }
  }

  /** Explains why this server cannot use the model `name`, in a sentence that says what to do; null if it can. */
  problem(name: string): string | null {
    const [providerName, id] = split(name);
    const provider = id ? this.providers.get(providerName) : undefined;
    if (provider) return provider.problem(id);
    const known = [...this.providers.keys()].toSorted().map((each) => `${each}/…`);
    return `There is no model "${name}". Write provider/model, such as demo/echo; the providers of this server are ${known.join(', ')}.`;
  }

  /** Checks the part of `providerOptions` that belongs to the provider of the model `name`. */
  optionsProblems(name: string, providerOptions: Readonly<Record<string, unknown>> = {}): OptionsProblem[] {
    const [provider] = split(name);
    const options = Object.hasOwn(providerOptions, provider) ? providerOptions[provider] : undefined;
    const result =
      options === undefined ? undefined : this.providers.get(provider)?.options?.safeParse(options);
    return (result?.error?.issues ?? []).map(({ path, message }) => ({
      path: [provider, ...path.map((key) => (typeof key === 'number' ? key : String(key)))],
      message,
    }));
  }

  /** @throws NodeError `model_not_available`, with the message of `problem` */
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
