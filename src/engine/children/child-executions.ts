import { Injectable } from '@nestjs/common';
import type { NewChildren, TreeUsage } from '../../journal/row-change.js';
import type { ExecutionRow } from '../execution-row.js';
import type { ChildrenRequest, ChildResult } from '../extension/waiting.js';

/** Starts, reads and ends the child executions of an execution. */
@Injectable()
export class ChildExecutions {
  /**
   * Makes the rows of the children that a node starts. The first `concurrency` of them are queued.
   * @returns the rows, of which a re-run leaves out the children that it keeps
   * @throws NodeError `too_deep`, `too_many_children`
   */
  prepare(_row: ExecutionRow, _nodeId: string, _request: ChildrenRequest): Promise<NewChildren> {
    throw new Error('not written yet');
  }

  /**
   * Reads how the children of a node ended, in the order of their indexes.
   * @throws NodeError `output_too_large`
   */
  results(_row: ExecutionRow, _nodeId: string, _request: ChildrenRequest): Promise<ChildResult[]> {
    throw new Error('not written yet');
  }

  /**
   * Reads the tokens of the children that began with these waits, by model, with those of their own children: the last
   * `execution:cost-update` of each.
   */
  usage(_parentId: string, _waitIds: readonly string[]): Promise<Omit<TreeUsage, 'rootId'>[]> {
    throw new Error('not written yet');
  }

  /** Reads the tokens of a whole tree, by model. */
  treeUsage(_rootId: string): Promise<Omit<TreeUsage, 'rootId'>[]> {
    throw new Error('not written yet');
  }

  /**
   * Cancels all children of an execution and waits until they have ended. Owners have CANCEL_GRACE_MS; after that their
   * executions are taken over.
   * @param nodeId only the children of this node
   */
  endAll(_parentId: string, _by: string | null, _reason: string | null, _nodeId?: string): Promise<void> {
    throw new Error('not written yet');
  }
}
