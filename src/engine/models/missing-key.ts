/** Explains that the server has no key for a provider; null if it has one. */
export const missingKey = <Name extends string>(
  settings: { readonly [K in Name]?: string | undefined },
  provider: string,
  name: Name,
): string | null =>
  settings[name]
    ? null
    : `This server has no API key for ${provider}: set ${name}, or use a demo/… model, which needs no key.`;
