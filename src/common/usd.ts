/**
 * Amounts of money are numbers of USD on the wire. They are added as whole billionths of a dollar, because with binary
 * fractions 0.1 + 0.2 would exceed a limit of 0.3. Numbers represent billionths exactly up to nine million dollars.
 */
const PER_USD = 1e9;

/** Rounds to a billionth of a dollar. */
export const roundUSD = (usd: number): number => Math.round(usd * PER_USD) / PER_USD;

/** Adds amounts, exactly to a billionth of a dollar. */
export const sumUSD = (amounts: readonly number[]): number =>
  amounts.reduce((sum, usd) => sum + Math.round(usd * PER_USD), 0) / PER_USD;

/** Formats an amount without an exponent and without zeros at the end. */
export const formatUSD = (usd: number): string => usd.toFixed(9).replace(/\.?0+$/, '');
