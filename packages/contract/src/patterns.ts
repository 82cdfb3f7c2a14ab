// This file does not import Zod, so that a form can be checked before the schemas are loaded.

/** Pattern of project ids and node types. */
export const NAME = /^[A-Za-z0-9][A-Za-z0-9._:-]*$/;
export const NAME_MAX_LENGTH = 128;
export const TAG_MAX_LENGTH = 64;
