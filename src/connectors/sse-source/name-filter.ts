/** Which events are wanted by their names: `sse.events` and `sse.events.exclude`. */
export type NameFilter = (name: string) => boolean;

/** `*` stands for any characters. No names: all are wanted. */
export function nameFilter(names: readonly string[], excluded: readonly string[]): NameFilter {
  const included = names.length === 0 ? undefined : matcher(names);
  const refused = matcher(excluded);
  return (name) => (included?.(name) ?? true) && !refused(name);
}

function matcher(patterns: readonly string[]): NameFilter {
  const exact = new Set(patterns.filter((pattern) => !pattern.includes('*')));
  const others = patterns
    .filter((pattern) => pattern.includes('*'))
    .map((pattern) => new RegExp(`^${pattern.split(/\*+/).map(escaped).join('.*')}$`, 'su'));
  return (name) => exact.has(name) || others.some((pattern) => pattern.test(name));
}

function escaped(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&');
}
