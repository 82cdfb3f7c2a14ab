import type { LanguageModelV4 } from '@ai-sdk/provider';
import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';
import { Settings } from '../../config/settings.js';
import { ModelEndpoints } from './model-endpoints.js';
import { type DiscoveredClass, ExtensionDiscovery } from '../../discovery/extension-discovery.js';
import { NodeError } from '../extension/node-handler.js';
import { type ModelProvider, ModelProviderName } from './model-provider.js';

const NAME = /^[A-Za-z0-9._-]{1,64}$/;

/** A problem inside `providerOptions`, with its path there. */
export interface OptionsProblem {
  path: (string | number)[];
  message: string;
}

/** Finds models by names such as `anthropic/claude-sonnet-5-5`. */
@Injectable()
export class ModelRegistry implements OnModuleInit {
  private readonly providers = new Map<string, ModelProvider>();

  constructor(
    private readonly discovery: ExtensionDiscovery,
    private readonly endpoints: ModelEndpoints,
    @Inject(Settings) private readonly settings: Pick<Settings, 'MODEL_IDLE_TIMEOUT_MS' | 'MODEL_TIMEOUTS'>,
  ) {}

  /**
   * @throws Error if a class with `@ProvidesModels` cannot provide models, or if a name is used twice: the server does not
   *   start
   */
  onModuleInit(): void {
    const found = new Map<string, DiscoveredClass<string>>();
    for (const each of this.discovery.classesWith(ModelProviderName)) {
      checkProvider(each, found.get(each.value));
      found.set(each.value, each);
      this.providers.set(each.value, each.instance as ModelProvider);
    }
    for (const [name, provider] of this.endpoints.providers()) {
      if (this.providers.has(name))
        throw new Error(
          `MODEL_ENDPOINTS has an endpoint with the name ${name}, which is the name of a provider: rename the endpoint.`,
        );
      this.providers.set(name, provider);
    }
    for (const name of Object.keys(this.settings.MODEL_TIMEOUTS))
      if (!this.providers.has(name))
        throw new Error(
          `MODEL_TIMEOUTS names ${name}, which is no provider; the providers of this server are ${[...this.providers.keys()].toSorted().join(', ')}.`,
        );
  }

  /** Returns how long a call of the model `name` may be silent, and how long it may take altogether, in ms. */
  timeouts(name: string): { idleMs: number; totalMs: number | undefined } {
    const [provider] = split(name);
    const { idleMs = this.settings.MODEL_IDLE_TIMEOUT_MS, totalMs } =
      (Object.hasOwn(this.settings.MODEL_TIMEOUTS, provider) && this.settings.MODEL_TIMEOUTS[provider]) || {};
    return { idleMs, totalMs };
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
  async resolve(name: string): Promise<LanguageModelV4> {
    const problem = this.problem(name);
    if (problem) throw new NodeError('model_not_available', problem);
    const [provider, id] = split(name);
    return (this.providers.get(provider) as ModelProvider).model(id);
  }
}

/** @param other a class that was found before, with the same name */
function checkProvider(found: DiscoveredClass<string>, other: DiscoveredClass<string> | undefined): void {
  const describe = ({ value, className, moduleName }: DiscoveredClass<string>) =>
    `@ProvidesModels('${value}') of ${className} of ${moduleName}`;
  const { value: name, instance } = found;
  if (typeof name !== 'string' || !NAME.test(name))
    throw new Error(
      `${describe(found)} has no valid name: it must have 1 to 64 letters, digits and . _ - because model names are <name>/<model>.`,
    );
  if (other)
    throw new Error(`${describe(other)} and ${describe(found)} have the same name: rename one of them.`);
  for (const method of ['problem', 'model'] as const)
    if (typeof (instance as Partial<ModelProvider>)[method] !== 'function')
      throw new Error(
        `${describe(found)} has no method ${method}: add it, as the interface ModelProvider describes.`,
      );
}

function split(name: string): [provider: string, id: string] {
  const slash = name.indexOf('/');
  return slash === -1 ? [name, ''] : [name.slice(0, slash), name.slice(slash + 1)];
}
