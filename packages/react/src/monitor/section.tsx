import { createContext, type ReactNode, useContext, useId } from 'react';

/** Heading level of the enclosing section. */
export const HeadingLevel = createContext(2);

interface SectionProps {
  title: ReactNode;
  className?: string;
  /** Shown next to the title. */
  aside?: ReactNode;
  children: ReactNode;
}

/** A part of the monitor with a heading one level below the enclosing part. */
export function Section({ title, className = '', aside, children }: SectionProps): ReactNode {
  const level = Math.min(useContext(HeadingLevel) + 1, 6);
  const Heading = `h${level}` as 'h3';
  const id = useId();
  return (
    <section className={`ca-section ${className}`} aria-labelledby={id}>
      <div className="ca-section-head">
        <Heading id={id} className="ca-heading">
          {title}
        </Heading>
        {aside}
      </div>
      <HeadingLevel.Provider value={level}>{children}</HeadingLevel.Provider>
    </section>
  );
}
