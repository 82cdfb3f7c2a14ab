import 'reflect-metadata';
import { Injectable, Module, type Type } from '@nestjs/common';
import { EventEmitterModule } from '@nestjs/event-emitter';
import { Test } from '@nestjs/testing';
import { z } from 'zod';
import { ConfigModule } from '../../src/config/config.module.js';
import { parseSettings } from '../../src/config/settings.js';
import { ExtensionDiscoveryModule } from '../../src/discovery/discovery.module.js';
import { NodeHandler } from '../../src/engine/extension/node-handler.decorator.js';
import { NodeRegistry } from '../../src/engine/extension/node-registry.js';
import { StepInterceptor } from '../../src/engine/extension/step-interceptor.decorator.js';
import { StepInterceptors } from '../../src/engine/extension/step-interceptors.js';
import { ProvidesModels } from '../../src/engine/models/model-provider.js';
import { ModelEndpoints } from '../../src/engine/models/model-endpoints.js';
import { ModelFetch } from '../../src/engine/models/model-fetch.js';
import { ModelRegistry } from '../../src/engine/models/model-registry.js';
import { ProvidesTools } from '../../src/engine/tools/tool-provider.js';
import { ToolRegistry } from '../../src/engine/tools/tool-registry.js';
import { EventBus } from '../../src/events/event-bus.js';
import { ExecutionListeners } from '../../src/events/execution-listeners.js';
import { OnExecutionEvent } from '../../src/events/on-execution-event.decorator.js';
import { MonitoringModule } from '../../src/monitoring/monitoring.module.js';
import { RedactorsModule } from '../../src/secrets/redactors.module.js';

/** Starts the parts that find extensions with one class in a module of another team. */
async function start(...providers: Type[]): Promise<void> {
  @Module({ providers })
  class TeamModule {}
  const module = await Test.createTestingModule({
    imports: [
      ConfigModule.forRoot(parseSettings({ EXTENSION_TIMEOUT_MS: '50' })),
      ExtensionDiscoveryModule.forRoot(),
      MonitoringModule,
      RedactorsModule,
      EventEmitterModule.forRoot(),
      TeamModule,
    ],
    providers: [
      NodeRegistry,
      StepInterceptors,
      ModelEndpoints,
      ModelFetch,
      ModelRegistry,
      ToolRegistry,
      EventBus,
      ExecutionListeners,
    ],
  }).compile();
  await module.init();
  await module.close();
}

const config = z.strictObject({});
const run = () => null;
const tool = (more: object = {}) => ({
  name: 'find',
  description: 'Finds.',
  inputSchema: { type: 'object' },
  ...more,
});

/** Makes a class with these members, named `Team`, with a decorator. */
function team(decorator: ClassDecorator, members: object): Type {
  @Injectable()
  class Team {
    readonly members = Object.assign(this, members);
  }
  decorator(Team);
  return Team;
}

describe('an extension that cannot work stops the start, and the error says what to do', () => {
  it.each<[string, ClassDecorator, object, string]>([
    [
      'a type with a space',
      NodeHandler('two words'),
      { config, run },
      'has no valid type: it must have 1 to 128 letters',
    ],
    [
      'an empty type',
      NodeHandler(''),
      { config, run },
      "@NodeHandler('') of Team of TeamModule has no valid type",
    ],
    [
      'no run',
      NodeHandler('x'),
      { config },
      "@NodeHandler('x') of Team of TeamModule has no method run: add it",
    ],
    ['no config', NodeHandler('x'), { run }, 'has no Zod schema as its property config: add it'],
    ['an empty name', ProvidesModels(''), { problem: run, model: run }, 'has no valid name'],
    [
      'a slash in the name',
      ProvidesModels('a/b'),
      { problem: run, model: run },
      "@ProvidesModels('a/b') of Team of TeamModule has no valid name: it must have 1 to 64 letters",
    ],
    ['no model', ProvidesModels('a'), { problem: run }, 'has no method model: add it'],
    ['no problem', ProvidesModels('a'), { model: run }, 'has no method problem: add it'],
    ['an invalid prefix', ProvidesTools('a/b'), { tools: () => [], call: run }, 'has no valid prefix'],
    ['no call', ProvidesTools('a'), { tools: () => [] }, 'has no method call: add it'],
    ['no list of tools', ProvidesTools('a'), { call: run }, 'has no method tools: add it'],
    [
      'an invalid tool name',
      ProvidesTools('a'),
      { tools: () => [tool({ name: 'two words' })], call: run },
      "@ProvidesTools('a') of Team of TeamModule lists a tool that is not valid: tools.0.name: must have 1 to 64",
    ],
    [
      'a schema that is no object',
      ProvidesTools('a'),
      { tools: () => [tool({ inputSchema: { type: 'string' } })], call: run },
      'must be a JSON Schema with "type": "object"',
    ],
    [
      'two tools of one name',
      ProvidesTools('a'),
      { tools: () => Promise.resolve([tool(), tool()]), call: run },
      'must have different names',
    ],
    [
      'a list that fails',
      ProvidesTools('a'),
      { tools: () => Promise.reject(new Error('no connection')), call: run },
      'Team of TeamModule cannot list its tools: no connection',
    ],
    [
      'a list that never comes',
      ProvidesTools('a'),
      { tools: () => new Promise(() => undefined), call: run },
      'it took longer than 50 ms (EXTENSION_TIMEOUT_MS)',
    ],
    [
      'no method of an interceptor',
      StepInterceptor(),
      { outputs: run },
      'Team of TeamModule has @StepInterceptor but none of its methods: add one of beforeExecution',
    ],
    ['a member that is no method', StepInterceptor(), { output: 1 }, 'so its output must be a method'],
    [
      'an order that is no number',
      StepInterceptor({ order: 'first' as never }),
      { output: run },
      '@StepInterceptor of Team of TeamModule has an order that is not a number',
    ],
  ])('%s', async (_what, decorator, members, message) => {
    await expect(start(team(decorator, members))).rejects.toThrow(message);
  });

  it.each<[string, ClassDecorator, object, string]>([
    [
      'type',
      NodeHandler('x'),
      { config, run },
      "Two classes have @NodeHandler('x'): Team of TeamModule, and Team of",
    ],
    ['name', ProvidesModels('a'), { problem: run, model: run }, 'have the same name: rename one of them'],
    [
      'prefix',
      ProvidesTools('a'),
      { tools: () => [], call: run },
      'have the same prefix: rename one of them',
    ],
  ])('two classes with one %s', async (_what, decorator, members, message) => {
    await expect(start(team(decorator, members), team(decorator, members))).rejects.toThrow(message);
  });

  it('a listener of an unknown type', async () => {
    @Injectable()
    class Listener {
      @OnExecutionEvent('execution:faild' as 'execution:failed')
      listen(): void {}
    }
    await expect(start(Listener)).rejects.toThrow(
      '@OnExecutionEvent of Listener.listen of TeamModule names the event type "execution:faild", which does not exist: write execution:failed.',
    );
  });

  it('a listener without a type', async () => {
    @Injectable()
    class Listener {
      @OnExecutionEvent([])
      listen(): void {}
    }
    await expect(start(Listener)).rejects.toThrow(
      '@OnExecutionEvent of Listener.listen of TeamModule has no event type: name at least one.',
    );
  });
});
