import { counted } from '../ui/quantity.js';

interface Props {
  /** Number of items that are shown. */
  count: number;
  /** One item, such as `execution`. */
  unit: string;
  list: { hasMore: boolean; loadingMore: boolean; loadMore: () => Promise<void> };
}

/** The end of a list: how many items it shows, and a button for more. */
export function ListFoot({ count, unit, list }: Props) {
  return (
    <div className="list-foot">
      <span className="muted numeric">
        {counted(count, unit)}
        {list.hasMore && ', more available'}
      </span>
      {list.hasMore && (
        <button
          type="button"
          className="button"
          disabled={list.loadingMore}
          onClick={() => void list.loadMore()}
        >
          {list.loadingMore ? 'Loading…' : 'Show more'}
        </button>
      )}
    </div>
  );
}
