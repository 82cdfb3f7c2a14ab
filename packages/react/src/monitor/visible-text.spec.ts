import { visibleText } from './visible-text.js';

describe('Text as it is shown', () => {
  it.each([
    ['plain\ttext\nand lines\r\n', 'plain\ttext\nand lines\r\n'],
    ['\u001b[31mred\u001b[0m', '␛[31mred␛[0m'],
    ['a\u0000b', 'a␀b'],
    ['over\rwritten', 'over␍written'],
    ['\u007f\u009b', '␡⟨9B⟩'],
    ['invoice\u202efdp.exe', 'invoice⟨RLO⟩fdp.exe'],
    ['שלום \u200f😀', 'שלום \u200f😀'],
  ])('%j is %j', (text, shown) => {
    expect(visibleText(text)).toBe(shown);
  });
});
