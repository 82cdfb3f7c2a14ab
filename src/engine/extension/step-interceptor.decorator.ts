import { applyDecorators, Injectable } from '@nestjs/common';
import { DiscoveryService } from '@nestjs/core';

export interface StepInterceptorOptions {
  /** Interceptors nest by this number; the lowest is the outermost. Default 0. */
  readonly order?: number;
}

/** The metadata by which `StepInterceptors` finds interceptors. */
export const StepInterceptorMetadata = DiscoveryService.createDecorator<StepInterceptorOptions>();

/**
 * Makes a provider, in any module, an interceptor of all executions and steps: on a class that implements `StepHooks`.
 * The server does not start if the class has none of the methods of `StepHooks`, or if `order` is not a number.
 * @example
 * ```ts
 * @StepInterceptor({ order: 10 })
 * export class RedactCardNumbers implements StepHooks {
 *   output(_step: InterceptedStep, output: Json): Json {
 *     return JSON.parse(JSON.stringify(output).replace(/\b\d{16}\b/g, '[card]')) as Json;
 *   }
 * }
 * ```
 */
export const StepInterceptor = (options: StepInterceptorOptions = {}): ClassDecorator =>
  applyDecorators(Injectable(), StepInterceptorMetadata(options));
