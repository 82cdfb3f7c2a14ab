import { Module } from '@nestjs/common';
import { SavedWorkflows } from './saved-workflows.js';

/** Saved workflows. */
@Module({ providers: [SavedWorkflows], exports: [SavedWorkflows] })
export class DefinitionsModule {}
