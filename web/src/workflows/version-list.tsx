import type { WorkflowVersionPage } from '@cloutagent/client/admin';
import { ResourceList } from '../projects/resource-list.js';
import { useNames } from '../run/names.js';
import type { Loaded } from '../session/use-load.js';
import { Moment } from '../ui/moment.js';
import { PlainText } from '../ui/plain-text.js';

interface Props {
  versions: Loaded<WorkflowVersionPage>;
  /** The version that the page shows. */
  shown: number | undefined;
  onShow: (version: number) => void;
}

export function VersionList({ versions, shown, onShow }: Props) {
  const nameOf = useNames();
  const aliasesOf = (aliases: Readonly<Record<string, number>>, version: number) =>
    Object.keys(aliases).filter((alias) => aliases[alias] === version);
  return (
    <>
      <ResourceList
        heading="Versions"
        list={versions}
        items={versions.data?.versions}
        keyOf={({ version }) => String(version)}
        empty={<p>There are no versions.</p>}
        columns={[
          { heading: 'Version', render: ({ version }) => version },
          {
            heading: 'Aliases',
            render: ({ aliases, version }) => (
              <span className="row">
                {aliasesOf(aliases, version).map((alias) => (
                  <span className="tag" key={alias}>
                    {alias}
                  </span>
                ))}
              </span>
            ),
          },
          {
            heading: 'Saved',
            render: ({ createdAt, createdBy }) => (
              <>
                <Moment at={createdAt} />{' '}
                <span className="muted">
                  by <PlainText text={nameOf(createdBy) ?? createdBy} />
                </span>
              </>
            ),
          },
          {
            heading: 'Description',
            wide: true,
            render: ({ description }) => <PlainText text={description ?? ''} />,
          },
          {
            heading: 'Actions',
            isActions: true,
            render: ({ version }) =>
              version === shown ? (
                <span className="muted">shown above</span>
              ) : (
                <button
                  type="button"
                  className="button"
                  aria-label={`Show version ${version}`}
                  onClick={() => onShow(version)}
                >
                  Show
                </button>
              ),
          },
        ]}
      />
      {versions.data && versions.data.nextCursor !== null && (
        <p className="muted">Older versions: use `cloutagent workflows versions` or the API.</p>
      )}
    </>
  );
}
