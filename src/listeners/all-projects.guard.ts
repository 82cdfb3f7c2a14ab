import { type CanActivate, type ExecutionContext, Injectable } from '@nestjs/common';
import type { Request } from 'express';
import { ProblemError } from '../problems/problem.error.js';

/** Refuses principals that may not use all projects. It runs after the guard that authenticates. */
@Injectable()
export class AllProjectsGuard implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    const { principal } = context.switchToHttp().getRequest<Request>();
    if (principal?.projects.includes('*')) return true;
    throw new ProblemError(
      'insufficient_scope',
      'Durable listeners serve all projects. Use a credential whose projects are ["*"].',
    );
  }
}
