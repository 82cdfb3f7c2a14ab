import { Module } from '@nestjs/common';
import { APP_FILTER, APP_GUARD, APP_PIPE } from '@nestjs/core';
import { ProblemFormsModule } from './problem-forms.module.js';
import { ProblemFilter } from './problem.filter.js';
import { UnknownQueryGuard } from './unknown-query.guard.js';
import { ValidationPipe } from './validation.pipe.js';

/** Validates every request, and answers every error as an RFC 9457 problem. */
@Module({
  imports: [ProblemFormsModule],
  providers: [
    { provide: APP_GUARD, useClass: UnknownQueryGuard },
    { provide: APP_PIPE, useClass: ValidationPipe },
    { provide: APP_FILTER, useClass: ProblemFilter },
  ],
})
export class ProblemsModule {}
