import { DiscoveryService } from '@nestjs/core';

/**
 * Declares scopes of a module, each with a description. Use it on a module, a provider or a controller. Routes may then
 * require them, API keys and JWTs may have them, and the OpenAPI document lists them. A name has at most 64 characters:
 * words of lower-case letters, digits and hyphens, separated by colons. The names before the first colon of the server's own
 * scopes, such as `executions`, are reserved. The server does not start if a route requires a scope that no module declares.
 *
 * @example
 * ```ts
 * @DeclaresScopes({ 'reports:read': 'Read reports.' })
 * @Module({ controllers: [ReportsController] })
 * export class ReportsModule {}
 * ```
 */
export const DeclaresScopes = DiscoveryService.createDecorator<Readonly<Record<string, string>>>();
