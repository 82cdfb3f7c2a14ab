import { type CanActivate, type ExecutionContext, Injectable } from '@nestjs/common';
import type { Request } from 'express';
import { A2aError } from './a2a-errors.js';
import { PROTOCOL_VERSION } from './agent-card.js';

/**
 * Refuses requests of other versions of the protocol. `A2A-Version` is a header, or a parameter of the query. Without it the
 * version is 0.3 (section 3.6 of the specification). The third number of a version is ignored.
 */
@Injectable()
export class A2aVersionGuard implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    const request = context.switchToHttp().getRequest<Request>();
    const given = request.get('A2A-Version') || request.query['A2A-Version'];
    const version = typeof given === 'string' ? given.trim() : '';
    if (/^\d+\.\d+/.exec(version)?.[0] === PROTOCOL_VERSION) return true;
    throw new A2aError(
      'VERSION_NOT_SUPPORTED',
      'unsupported_protocol_version',
      `This agent speaks version ${PROTOCOL_VERSION} of A2A, and the request is of version ${version.slice(0, 20) || '0.3'}. Send the header A2A-Version: ${PROTOCOL_VERSION}.`,
    );
  }
}
