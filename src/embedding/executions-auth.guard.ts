import { type CanActivate, type ExecutionContext, Injectable } from '@nestjs/common';
import { ProblemError } from '../problems/problem.error.js';
import { EmbeddedServer } from './embedded-server.js';

/**
 * Protects controllers of the host with the credentials and scopes of the server. They use the same decorators as
 * controllers of the server: `@RequireScope`, `@AllowAnyScope`, `@Public` and `@CurrentPrincipal`. A refusal is an
 * HttpException with the status and the problem's `code` and `detail`, which the host's filters answer.
 * @example
 * ```ts
 * @Controller('reports')
 * @UseGuards(ExecutionsAuthGuard)
 * export class ReportsController {
 *   constructor(private readonly reader: ExecutionReader) {}
 *
 *   @Get(':executionId')
 *   @RequireScope('executions:read')
 *   async show(@Param('executionId') id: string, @CurrentPrincipal() principal: Principal) {
 *     const { status, costUSD } = await this.reader.get(id, principal);
 *     return { status, costUSD };
 *   }
 * }
 * ```
 */
@Injectable()
export class ExecutionsAuthGuard implements CanActivate {
  constructor(private readonly server: EmbeddedServer) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const guard = await this.server.guard();
    try {
      return await guard.canActivate(context);
    } catch (error) {
      if (!(error instanceof ProblemError)) throw error;
      const response = context.switchToHttp().getResponse<{ setHeader(name: string, value: string): void }>();
      for (const [name, value] of Object.entries(error.extra.headers ?? {})) response.setHeader(name, value);
      throw error;
    }
  }
}
