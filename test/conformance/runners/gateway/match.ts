/** Partial matching as the cases define it; undefined where it fits, else where and why not. */
export function mismatch(actual: unknown, expected: unknown, path = '$'): string | undefined {
  if (typeof expected !== 'object' || expected === null) {
    return Object.is(actual, expected) ? undefined : `${path} is ${show(actual)}, wanted ${show(expected)}`;
  }
  if (Array.isArray(expected)) return arrayMismatch(actual, expected, path);
  const wanted = expected as Record<string, unknown>;
  if ('$any' in wanted) return actual === undefined ? `${path} is missing` : undefined;
  if ('$absent' in wanted) return actual === undefined ? undefined : `${path} is ${show(actual)}, wanted nothing`;
  if ('$type' in wanted) {
    return typeof actual === wanted['$type'] ? undefined : `${path} is ${show(actual)}, wanted a ${wanted['$type']}`;
  }
  if ('$contains' in wanted) {
    const elements = Array.isArray(actual) ? actual : [];
    for (const element of wanted['$contains'] as unknown[]) {
      if (!elements.some((one) => mismatch(one, element) === undefined)) return `${path} lacks ${show(element)}`;
    }
    return undefined;
  }
  if (typeof actual !== 'object' || actual === null) return `${path} is ${show(actual)}, wanted ${show(expected)}`;
  for (const [name, value] of Object.entries(wanted)) {
    const found = mismatch((actual as Record<string, unknown>)[name], value, `${path}.${name}`);
    if (found !== undefined) return found;
  }
  return undefined;
}

function arrayMismatch(actual: unknown, expected: readonly unknown[], path: string): string | undefined {
  if (!Array.isArray(actual) || actual.length !== expected.length) {
    return `${path} is ${show(actual)}, wanted ${expected.length} elements: ${show(expected)}`;
  }
  for (const [at, element] of expected.entries()) {
    const found = mismatch(actual[at], element, `${path}[${at}]`);
    if (found !== undefined) return found;
  }
  return undefined;
}

export function show(value: unknown): string {
  const text = JSON.stringify(value) ?? 'undefined';
  return text.length > 300 ? `${text.slice(0, 300)}…` : text;
}
