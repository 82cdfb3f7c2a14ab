/** The types of events that a webhook delivers. */
export const EventTypes = ({ types }: { types: readonly string[] }) => (
  <span className="row">
    {types.map((type) => (
      <span className="tag" key={type}>
        {type}
      </span>
    ))}
  </span>
);
