import { InvalidArgumentError } from 'commander';

/** Parses the size of a page. @throws InvalidArgumentError */
export function limitOf(text: string): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || value < 1 || value > 100)
    throw new InvalidArgumentError('Use a number from 1 to 100.');
  return value;
}
