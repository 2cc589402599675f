/** Who may do what. A role holds all that those before it hold. */
export const roles = ['viewer', 'operator', 'admin'] as const;
export type Role = (typeof roles)[number];

/** Changes that keep things running and change no configuration; all other changes are an admin's. */
const operating: readonly (readonly [method: string, route: RegExp])[] = [
  ['PUT', /^\/connectors\/:name\/(pause|resume|stop)$/],
  ['POST', /^\/connectors\/:name\/(tasks\/:task\/)?restart$/],
  ['PUT', /^\/connectors\/:name\/topics\/reset$/],
  ['PUT', /^\/admin\/loggers\/:\w+$/],
];
/** Checks that store nothing; that of a connector tells whether files and variables exist which it names. */
const checking: readonly (readonly [method: string, route: RegExp])[] = [
  ['PUT', /^\/connector-plugins\/:\w+\/config\/validate$/],
  ['POST', /^\/sql\/(check|explain)$/],
];
/** Answers that hold configurations, or the URL a source reads: with passwords in them where those are not masked. */
const showingConfigs = /^\/connectors\/:name(\/(config|tasks|tasks-config|offsets))?$/;

/**
 * The least role for a request, by the route's pattern and what it asks to expand; a path that no route has is a viewer's
 * to ask for.
 */
export function neededRole(
  method: string,
  route: string | undefined,
  secretsMasked: boolean,
  expand?: string | readonly string[],
): Role {
  if (route === undefined) return 'viewer';
  const path = route.replace(/(?<=.)\/$/, '');
  if (['GET', 'HEAD', 'OPTIONS'].includes(method)) {
    const shows = showingConfigs.test(path) || (path === '/connectors' && [expand].flat().includes('info'));
    return !secretsMasked && shows ? 'operator' : 'viewer';
  }
  const fits = ([verb, pattern]: readonly [string, RegExp]): boolean => verb === method && pattern.test(path);
  return operating.some(fits) || checking.some(fits) ? 'operator' : 'admin';
}

export function holds(role: Role, needed: Role): boolean {
  return roles.indexOf(role) >= roles.indexOf(needed);
}
