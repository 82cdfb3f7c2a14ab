import { useEffect } from 'react';
import { useLocation } from '../routing/location.js';
import { useAccess } from '../session/access.js';
import { readTab, writeTab } from '../session/tab-storage.js';

const NAME = 'project';

/** Returns the project of a page: that of the address, else the last one of this tab, else one that the key has. */
export function useProject(): string {
  const { query } = useLocation();
  const { projects, anyProject } = useAccess();
  const stored = readTab(NAME);
  const usable = stored !== null && (anyProject || projects.includes(stored)) ? stored : undefined;
  const project = query.get('project') || usable || projects[0] || 'default';
  useEffect(() => writeTab(NAME, project), [project]);
  return project;
}
