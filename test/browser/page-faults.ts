import type { Page } from 'playwright-core';
import { seriousFindings } from '../support/accessibility.js';

/** Returns what is wrong with a page: accessibility, width, headings, and fields without a label. */
export async function pageFaults(page: Page): Promise<string[]> {
  const faults = await seriousFindings(page);
  const excess = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  if (excess > 0) faults.push(`the page is ${excess} px wider than the window`);
  const headings = await page.locator('h1').count();
  if (headings !== 1) faults.push(`the page has ${headings} main headings`);
  const unlabelled = await page.evaluate(() =>
    [...document.querySelectorAll<HTMLInputElement>('input, select, textarea')]
      .filter((field) => (field.labels?.length ?? 0) === 0 && !field.ariaLabel)
      .map((field) => field.outerHTML),
  );
  return [...faults, ...unlabelled.map((field) => `no label: ${field}`)];
}
