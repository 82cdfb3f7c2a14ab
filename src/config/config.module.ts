import { type DynamicModule, Global, Module } from '@nestjs/common';
import { SecretRedactor } from './secret-redactor.js';
import { Settings } from './settings.js';

/**
 * Provides the `Settings`, and the redactor of the secrets in them, to every module of one application. It is global
 * because the settings are a value that only the application's root module has: other modules cannot import `forRoot`.
 */
@Global()
@Module({})
export class ConfigModule {
  static forRoot(settings: Settings): DynamicModule {
    return {
      module: ConfigModule,
      providers: [
        { provide: Settings, useValue: settings },
        { provide: SecretRedactor, useValue: SecretRedactor.of(settings) },
      ],
      exports: [Settings, SecretRedactor],
    };
  }
}
