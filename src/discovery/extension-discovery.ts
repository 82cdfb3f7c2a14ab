import { Inject, Injectable, Optional } from '@nestjs/common';
import { type DiscoverableDecorator, DiscoveryService, MetadataScanner } from '@nestjs/core';

/** A class of a module that has a decorator of an extension point. */
export interface DiscoveredClass<Value> {
  /** The decorator's argument. */
  readonly value: Value;
  readonly instance: object;
  readonly className: string;
  /** The name of the module that provides the class. Logs name it. */
  readonly moduleName: string;
}

/** A method that has a decorator of an extension point. */
export interface DiscoveredMethod<Value> extends DiscoveredClass<Value> {
  readonly methodName: string;
}

interface Instance extends Omit<DiscoveredClass<never>, 'value'> {
  /** A scope in which the instance does not exist for the whole life of the application. */
  readonly scope: 'request' | 'transient' | undefined;
}

/** Injection token of the host application's DiscoveryService, if the server runs inside another Nest application. */
export const HostDiscovery = Symbol('HostDiscovery');

/**
 * Finds the classes and methods by which modules extend the server: in every module of this application, and in those of
 * the host application. Call it from `onModuleInit` or later, when all providers exist.
 */
@Injectable()
export class ExtensionDiscovery {
  private readonly scanner = new MetadataScanner();

  constructor(
    private readonly own: DiscoveryService,
    @Optional() @Inject(HostDiscovery) private readonly host?: DiscoveryService,
  ) {}

  /**
   * Finds the providers and controllers whose class has the decorator. A class that several modules provide as one
   * instance is found once.
   * @throws Error if such a class has request or transient scope
   */
  classesWith<Value>(decorator: DiscoverableDecorator<Value>): DiscoveredClass<Value>[] {
    return this.instances().flatMap((found) => {
      // An object without a prototype has no constructor.
      const { constructor } = found.instance as { constructor?: object };
      const value = constructor && (Reflect.getMetadata(decorator.KEY, constructor) as Value | undefined);
      return value === undefined ? [] : [discovered(found, value)];
    });
  }

  /**
   * Finds the methods of providers and controllers that have the decorator, also inherited ones.
   * @throws Error if their class has request or transient scope
   */
  methodsWith<Value>(decorator: DiscoverableDecorator<Value>): DiscoveredMethod<Value>[] {
    return this.instances().flatMap((found) => {
      const prototype = Object.getPrototypeOf(found.instance) as Record<string, unknown> | null;
      return this.scanner.getAllMethodNames(prototype).flatMap((methodName) => {
        const method = prototype?.[methodName];
        const value =
          typeof method === 'function'
            ? (Reflect.getMetadata(decorator.KEY, method) as Value | undefined)
            : undefined;
        return value === undefined ? [] : [{ ...discovered(found, value), methodName }];
      });
    });
  }

  /** Lists every instance of every module once. */
  private instances(): Instance[] {
    const found = new Map<object, Instance>();
    const services = this.host ? [this.own, this.host] : [this.own];
    for (const wrapper of services.flatMap((each) => [...each.getProviders(), ...each.getControllers()])) {
      const instance: unknown = wrapper.isAlias ? undefined : wrapper.instance;
      if (typeof instance !== 'object' || instance === null || found.has(instance)) continue;
      found.set(instance, {
        instance,
        className: instance.constructor?.name ?? String(wrapper.name),
        moduleName: wrapper.host?.name ?? 'an unknown module',
        scope: !wrapper.isDependencyTreeStatic() ? 'request' : wrapper.isTransient ? 'transient' : undefined,
      });
    }
    return [...found.values()];
  }
}

function discovered<Value>({ scope, ...found }: Instance, value: Value): DiscoveredClass<Value> {
  if (scope)
    throw new Error(
      `${found.className} of ${found.moduleName} has ${scope} scope, but extensions must have the default scope: remove the ` +
        'scope from its @Injectable, and from the providers that it injects.',
    );
  return { ...found, value };
}
