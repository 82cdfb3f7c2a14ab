import { Injectable } from '@nestjs/common';
import { WorkflowRef } from '@cloutagent/contract';
import { mayStartName, nameOf, ownsProject, type Principal } from '../../auth/principal.js';
import { WorkflowStore } from '../../definitions/workflow-store.js';
import { type ResolvedWorkflow, SavedWorkflows } from '../../engine/extension/saved-workflows.js';
import { ProblemError } from '../../problems/problem.error.js';
import { inputError } from './input/input-error.js';
import { secondsOf } from './request-record.js';
import type { ModelObject } from './schemas.js';

/** A saved workflow that a request has named as its model. */
export interface NamedWorkflow {
  readonly projectId: string;
  /** `name`, `name@3` or `name@production`. */
  readonly ref: string;
  readonly saved: ResolvedWorkflow;
}

const PAGE_SIZE = 1_000;

/** Knows saved workflows as models. Their names have the project, unless the credential has exactly one. */
@Injectable()
export class ModelNames {
  constructor(
    private readonly workflows: SavedWorkflows,
    private readonly store: WorkflowStore,
  ) {}

  /**
   * Finds the saved workflow that a model is.
   * @param model `compare@production`, or `project/compare@production`
   * @throws ValidationFailedError if the name needs a project
   * @throws ProblemError 404 `not_found` if there is no such workflow, or the principal has no access to its project
   */
  async find(model: string, principal: Principal): Promise<NamedWorkflow> {
    const { projectId, ref } = placeOf(model, principal);
    const isRef = ownsProject(principal, projectId) && WorkflowRef.safeParse(ref).success;
    const saved = isRef ? await this.workflows.find(projectId, ref) : undefined;
    if (!saved) throw unknownModel(model);
    return { projectId, ref, saved };
  }

  /** Returns the models of a principal: its saved workflows, or those to which its key is limited. */
  async list(principal: Principal): Promise<ModelObject[]> {
    const { projects, workflows: refs } = principal;
    const project = onlyProject(principal);
    const models: ModelObject[] = [];
    let cursor: string | undefined;
    do {
      const page = await this.store.list(projects.includes('*') ? undefined : projects, {
        limit: PAGE_SIZE,
        cursor,
      });
      for (const { projectId, name, createdAt } of page.workflows)
        for (const ref of refs ? refs.filter((each) => nameOf(each) === name) : [name])
          models.push({
            id: project === projectId ? ref : `${projectId}/${ref}`,
            object: 'model',
            created: secondsOf(createdAt),
            owned_by: projectId,
          });
      cursor = page.nextCursor ?? undefined;
    } while (cursor !== undefined);
    return models;
  }

  /**
   * Describes one model, if it is one that `list` names or another version of it.
   * @throws what `find` throws
   */
  async describe(model: string, principal: Principal): Promise<ModelObject> {
    const { projectId, ref, saved } = await this.find(model, principal);
    if (!mayStartName(principal, ref)) throw unknownModel(model);
    const { createdAt } = await this.store.get(projectId, saved.name, String(saved.version));
    return { id: model, object: 'model', created: secondsOf(createdAt), owned_by: projectId };
  }
}

function placeOf(model: string, principal: Principal): { projectId: string; ref: string } {
  const slash = model.indexOf('/');
  if (slash >= 0) return { projectId: model.slice(0, slash), ref: model.slice(slash + 1) };
  const projectId = onlyProject(principal);
  if (projectId !== undefined) return { projectId, ref: model };
  throw inputError(
    'model',
    `must name the project too, because your credential has more than one: project/${model}. GET /v1/models lists all models.`,
  );
}

const onlyProject = ({ projects }: Principal): string | undefined =>
  projects.length === 1 && projects[0] !== '*' ? projects[0] : undefined;

const unknownModel = (model: string): ProblemError =>
  new ProblemError(
    'not_found',
    `There is no model ${model}. GET /v1/models lists the models that you can use.`,
    {
      errors: [{ path: 'model', message: 'is the name of no saved workflow' }],
    },
  );
