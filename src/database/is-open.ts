/**
 * Returns the condition `completed_at IS NULL` for a statement that finds executions by their ids. The planner does not
 * recognise it, so it uses the primary key. With the plain condition it uses a partial index of open executions while its
 * statistics are of a time with few of them, and each statement then reads all open executions.
 * @param row alias of the execution's row with a dot, such as `e.`
 */
export const isOpen = (row = ''): string => `num_nulls(${row}completed_at) = 1`;
