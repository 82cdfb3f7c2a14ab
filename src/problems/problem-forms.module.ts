import { Module } from '@nestjs/common';
import { ProblemForms } from './problem-forms.js';

/** Lets protocols answer errors in their own forms. A module of its own, because the filter of problems is registered last. */
@Module({ providers: [ProblemForms], exports: [ProblemForms] })
export class ProblemFormsModule {}
