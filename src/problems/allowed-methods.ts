import type { Request } from 'express';
import { METHODS } from 'node:http';

/** A route of Express's router (https://github.com/pillarjs/router); other layers are middlewares and have no `route`. */
interface Layer {
  readonly route?: { readonly path: unknown; readonly methods: Readonly<Record<string, boolean>> };
  match(path: string): unknown;
}

/** The order of methods in `Allow`. Any other method comes after them. */
const ORDER = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'];
/** A path of wildcards alone, such as the dashboard's: it matches every path and makes none known. */
const CATCH_ALL = /^[/{]*\*\w*\}?$/;

/**
 * Returns the methods that the routes of the request's path accept, for the header `Allow`. Empty if no route has the path.
 * They come from the router itself, so routes of extensions count, and the path is the one below the path that the server is
 * mounted at.
 */
export function allowedMethods({ app, path }: Pick<Request, 'app' | 'path'>): string[] {
  const methods = new Set<string>();
  for (const { route, match } of layersWithRoutes(app.router)) {
    if (!isSpecific(route) || !match(path)) continue;
    for (const method of Object.keys(route.methods)) methods.add(method.toUpperCase());
  }
  if (methods.size === 0) return [];
  if (methods.has('GET')) methods.add('HEAD');
  methods.delete('OPTIONS');
  const others = [...methods].filter((method) => !ORDER.includes(method)).toSorted();
  return [...ORDER.filter((method) => methods.has(method)), ...others, 'OPTIONS'];
}

type Route = NonNullable<Layer['route']>;

function* layersWithRoutes(router: unknown): Generator<{ route: Route; match: (path: string) => boolean }> {
  for (const layer of (router as { stack: readonly Layer[] }).stack) {
    const { route } = layer;
    if (route) yield { route, match: (path) => matches(layer, path) };
  }
}

/** Whether a route makes its path known: it is for some paths and some methods. Middlewares of Nest are for all methods. */
const isSpecific = ({ path, methods }: Route): boolean =>
  !(typeof path === 'string' && CATCH_ALL.test(path)) &&
  !methods['_all'] &&
  METHODS.some((method) => !methods[method.toLowerCase()]);

function matches(layer: Layer, path: string): boolean {
  try {
    return Boolean(layer.match(path));
  } catch {
    // The path has a parameter that cannot be decoded.
    return false;
  }
}
