/** Shows aliases with the versions to which they point. */
export function AliasTags({ aliases }: { aliases: Readonly<Record<string, number>> }) {
  const names = Object.keys(aliases).toSorted();
  if (names.length === 0) return <span className="muted">none</span>;
  return (
    <span className="row">
      {names.map((name) => (
        <span className="tag" key={name}>
          {name} → {aliases[name]}
        </span>
      ))}
    </span>
  );
}
