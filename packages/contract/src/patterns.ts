// Without Zod, to check a form before its schemas are loaded.

/** What names a project or a node type. */
export const NAME = /^[A-Za-z0-9][A-Za-z0-9._:-]*$/;
export const NAME_MAX_LENGTH = 128;
export const TAG_MAX_LENGTH = 64;
