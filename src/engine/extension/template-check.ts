/** Whether a string is only known once its placeholders are filled in, so that it can't be checked before. */
export const isTemplate = (text: string): boolean => text.includes('{{');
