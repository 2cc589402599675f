/** Environment variables over the file: TRIBUTARY_WORKER_LISTEN is `worker.listen`. */
import { suggest } from '../../base/nearest.ts';
import type { ConfigProblem } from './problem.ts';

const prefix = 'TRIBUTARY_';
/** Variables that are not configuration: what the tests and the command line look at. */
const others = new Set([
  'TRIBUTARY_FEEDS',
  'TRIBUTARY_URL',
  'TRIBUTARY_USER',
  'TRIBUTARY_TOKEN',
  'TRIBUTARY_CACERT',
  'TRIBUTARY_DEBUG',
  'TRIBUTARY_TETHER',
  'TRIBUTARY_DEMO_PORT',
]);

export interface EnvironmentKeys {
  /** Key of the configuration to the variable that sets it. */
  readonly found: ReadonlyMap<string, { readonly variable: string; readonly value: string }>;
  readonly problems: readonly ConfigProblem[];
  /** Variables that look like a misspelled key. Others of that beginning are not ours: Kubernetes sets TRIBUTARY_SERVICE_HOST. */
  readonly warnings: readonly ConfigProblem[];
}

/** Case, dots, underscores and dashes do not count. A variable that fits two keys, or two that fit one, is an error. */
export function keysOfEnvironment(env: NodeJS.ProcessEnv, keys: readonly string[]): EnvironmentKeys {
  const found = new Map<string, { variable: string; value: string }>();
  const problems: ConfigProblem[] = [];
  const warnings: ConfigProblem[] = [];
  for (const [variable, value] of Object.entries(env)) {
    if (!variable.toUpperCase().startsWith(prefix) || others.has(variable) || value === undefined) continue;
    const fitting = keys.filter((key) => bare(key) === bare(variable.slice(prefix.length)));
    const [key] = fitting;
    if (key === undefined) {
      const names = keys.map((known) => `${prefix}${known.toUpperCase().replace(/[.-]/g, '_')}`);
      const hint = suggest(variable, names);
      if (hint !== '')
        warnings.push({ file: 'environment', key: variable, message: `no key of the configuration fits it.${hint}` });
    } else if (fitting.length > 1) {
      problems.push({
        file: 'environment',
        key: variable,
        message: `it fits more than one key: ${fitting.join(', ')}`,
      });
    } else if (found.has(key)) {
      problems.push({
        file: 'environment',
        key: variable,
        message: `it sets "${key}", and so does ${found.get(key)!.variable}: leave one of them out`,
      });
    } else found.set(key, { variable, value });
  }
  return { found, problems, warnings };
}

function bare(name: string): string {
  return name.replace(/[._-]/g, '').toLowerCase();
}
