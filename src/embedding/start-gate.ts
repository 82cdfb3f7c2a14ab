import { type DynamicModule, Global, Module, type OnApplicationBootstrap } from '@nestjs/common';

/**
 * Holds the server's start between `onModuleInit` and `onApplicationBootstrap`, until the host has come as far: the server
 * runs executions from its bootstrap on, and node types of the host may use what the host makes in `onModuleInit`.
 */
export class StartGate implements OnApplicationBootstrap {
  private readonly arrival = Promise.withResolvers<void>();
  private readonly opening = Promise.withResolvers<void>();

  /** Resolves when the server waits at the gate. */
  readonly reached = this.arrival.promise;

  constructor() {
    // If the server never arrives, nothing waits for this promise.
    this.opening.promise.catch(() => undefined);
  }

  open(): void {
    this.opening.resolve();
  }

  /** Ends a start that has not been let through, because the host's start has failed. */
  giveUp(): void {
    this.opening.reject(new Error('the host was closed before it had started'));
  }

  onApplicationBootstrap(): Promise<void> {
    this.arrival.resolve();
    return this.opening.promise;
  }
}

/** Puts a gate into an application. It is global because Nest calls the hooks of global modules first. */
@Global()
@Module({})
export class StartGateModule {
  static with(gate: StartGate): DynamicModule {
    return { module: StartGateModule, providers: [{ provide: StartGate, useValue: gate }] };
  }
}
