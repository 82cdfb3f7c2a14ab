import { Module } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { ConfigModule } from '../../config/config.module.js';
import { ExtensionDiscoveryModule } from '../../discovery/discovery.module.js';
import { parseSettings } from '../../config/settings.js';
import { DemoModel } from './demo/demo-model.js';
import { type ModelProvider, ProvidesModels } from './model-provider.js';
import { ModelRegistry } from './model-registry.js';
import { ModelsModule } from './models.module.js';

@ProvidesModels('ours')
class OurModels implements ModelProvider {
  problem = (id: string) => (id === 'gone' ? 'It was removed: use another model.' : null);
  model = (id: string) => new DemoModel(`ours-${id}`);
}
@ProvidesModels('demo')
class SecondDemo extends OurModels {}

@Module({ providers: [OurModels] })
class OurModule {}
@Module({ providers: [SecondDemo] })
class ClashingModule {}

const start = async (settings: Record<string, string>, ...more: (typeof OurModule)[]) => {
  const module = await Test.createTestingModule({
    imports: [
      ConfigModule.forRoot(parseSettings(settings)),
      ExtensionDiscoveryModule.forRoot(),
      ModelsModule,
      ...more,
    ],
  }).compile();
  return (await module.init()).get(ModelRegistry);
};

it('finds providers in other modules', async () => {
  const registry = await start({}, OurModule);
  expect((await registry.resolve('ours/a/b')).modelId).toBe('ours-a/b');
  expect(registry.problem('ours/gone')).toBe('It was removed: use another model.');
  await expect(registry.resolve('ours/gone')).rejects.toThrow(
    expect.objectContaining({ code: 'model_not_available' }) as Error,
  );
});

it('refuses to start with two providers of the same name', async () => {
  await expect(start({}, ClashingModule)).rejects.toThrow("@ProvidesModels('demo')");
});

it.each(['', '/', 'demo', 'demo/', '/x', 'nobody/x', '__proto__/x'])(
  'reports that there is no model "%s" and lists the providers',
  async (name) => {
    expect((await start({})).problem(name)).toMatch(
      /There is no model .*anthropic\/…, demo\/…, google\/…, mistral\/…, openai\/…, openai-compatible\/…/,
    );
  },
);

it('makes models of each configured provider', async () => {
  const registry = await start({
    ANTHROPIC_API_KEY: 'k',
    OPENAI_COMPATIBLE_BASE_URL: 'http://127.0.0.1:1/v1',
    OPENAI_API_KEY: 'k',
    GOOGLE_API_KEY: 'k',
    MISTRAL_API_KEY: 'k',
    MODEL_ENDPOINTS: '{"my-box":{"baseUrl":"http://127.0.0.1:1/v1"}}',
  });
  const names = [
    'anthropic/a',
    'openai/a',
    'google/a',
    'mistral/a',
    'openai-compatible/a/b',
    'my-box/a/b',
    'demo/a',
  ];
  for (const name of names) {
    expect(registry.problem(name)).toBeNull();
    expect((await registry.resolve(name)).specificationVersion).toBe('v4');
  }
});

it.each([
  [{ MODEL_ENDPOINTS: '{"demo":{"baseUrl":"http://127.0.0.1:1/v1"}}' }, 'the name demo'],
  [{ MODEL_TIMEOUTS: '{"anthropc":{"idleMs":1}}' }, 'MODEL_TIMEOUTS names anthropc'],
])('does not start with %j', async (settings, message) => {
  await expect(start(settings)).rejects.toThrow(message);
});

it('has time limits for each provider', async () => {
  const registry = await start({
    MODEL_IDLE_TIMEOUT_MS: '7',
    MODEL_TIMEOUTS: '{"demo":{"totalMs":9},"anthropic":{"idleMs":8}}',
  });
  expect(registry.timeouts('demo/a')).toEqual({ idleMs: 7, totalMs: 9 });
  expect(registry.timeouts('anthropic/a')).toEqual({ idleMs: 8, totalMs: undefined });
  expect(registry.timeouts('constructor/a')).toEqual({ idleMs: 7, totalMs: undefined });
});
