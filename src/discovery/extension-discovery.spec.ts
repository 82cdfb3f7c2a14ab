import 'reflect-metadata';
import { Injectable, Module, Scope } from '@nestjs/common';
import { DiscoveryModule, DiscoveryService, NestFactory } from '@nestjs/core';
import { ExtensionDiscoveryModule } from './discovery.module.js';
import { ExtensionDiscovery } from './extension-discovery.js';

const Marked = DiscoveryService.createDecorator<string>();

@Injectable()
@Marked('own')
class Own {
  @Marked('a method')
  listen(): void {}
}
@Injectable()
class Derived extends Own {}
@Injectable()
@Marked('of the host')
class OfHost {}
@Injectable({ scope: Scope.REQUEST })
@Marked('for each request')
class PerRequest {}
@Injectable({ scope: Scope.TRANSIENT })
@Marked('for each consumer')
class PerConsumer {}
@Injectable()
class Plain {}

const options = { logger: false, abortOnError: false } as const;

describe('discovery of extensions', () => {
  @Module({
    providers: [
      Own,
      { provide: 'alias', useExisting: Own },
      Plain,
      { provide: 'bare', useValue: Object.create(null) },
    ],
  })
  class TeamModule {}
  @Module({ imports: [DiscoveryModule], providers: [OfHost] })
  class HostModule {}

  it('finds each class and each method of this application and of its host once', async () => {
    const host = await NestFactory.createApplicationContext(HostModule, options);
    @Module({ imports: [ExtensionDiscoveryModule.forRoot(host.get(DiscoveryService)), TeamModule] })
    class Root {}
    const app = await NestFactory.createApplicationContext(Root, options);
    const discovery = app.get(ExtensionDiscovery);
    expect(discovery.classesWith(Marked)).toEqual([
      { value: 'own', instance: app.get(Own), className: 'Own', moduleName: 'TeamModule' },
      { value: 'of the host', instance: host.get(OfHost), className: 'OfHost', moduleName: 'HostModule' },
    ]);
    expect(discovery.methodsWith(Marked)).toEqual([
      {
        value: 'a method',
        instance: app.get(Own),
        className: 'Own',
        moduleName: 'TeamModule',
        methodName: 'listen',
      },
    ]);
    await app.close();
    await host.close();
  });

  it('finds inherited methods', async () => {
    @Module({ imports: [ExtensionDiscoveryModule.forRoot()], providers: [Derived] })
    class Root {}
    const app = await NestFactory.createApplicationContext(Root, options);
    expect(app.get(ExtensionDiscovery).methodsWith(Marked)).toMatchObject([{ className: 'Derived' }]);
    await app.close();
  });

  it.each([
    [PerRequest, 'PerRequest of Root has request scope, but extensions must have the default scope'],
    [PerConsumer, 'PerConsumer of Root has transient scope, but extensions must have the default scope'],
  ])('refuses a class whose instances do not live as long as the server: %p', async (provider, message) => {
    @Module({ imports: [ExtensionDiscoveryModule.forRoot()], providers: [provider] })
    class Root {}
    const app = await NestFactory.createApplicationContext(Root, options);
    expect(() => app.get(ExtensionDiscovery).classesWith(Marked)).toThrow(message);
    await app.close();
  });
});
