/** `config.providers` of a worker file: which names stand for variables, files and folders, and how far they reach. */
import { isAbsolute } from 'node:path';
import { suggest } from '../../base/nearest.ts';
import { checkJavaPattern, javaPattern } from '../../config/java-pattern/java-pattern.ts';
import type { RawConfig } from '../../config/raw.ts';
import type { ConfigProvider, ConfigProviders } from './providers.ts';

const prefix = 'config.providers.';
const home = 'org.apache.kafka.common.config.provider.';
const classes: Readonly<Record<string, { readonly kind: ConfigProvider['kind']; readonly limit: string }>> = {
  EnvVarConfigProvider: { kind: 'env', limit: 'allowlist.pattern' },
  FileConfigProvider: { kind: 'file', limit: 'allowed.paths' },
  DirectoryConfigProvider: { kind: 'dir', limit: 'allowed.paths' },
};

/** A message is told as a problem of its key; `warn` says what has no effect. undefined: the file configures none. */
export function configProvidersOf(
  values: RawConfig,
  refuse: (key: string, message: string) => void,
  warn: (key: string, message: string) => void,
): ConfigProviders | undefined {
  const names = listOf(values['config.providers']);
  const found = new Map<string, ConfigProvider>();
  for (const key of Object.keys(values).filter((each) => each.startsWith(prefix))) {
    const name = names.find((each) => key.startsWith(`${prefix}${each}.`));
    if (name === undefined) warn(key, 'it has no effect: "config.providers" does not name this provider');
    else if (!/^(class|param\.(allowlist\.pattern|allowed\.paths))$/.test(key.slice(prefix.length + name.length + 1))) {
      warn(key, 'it has no effect: the providers here have no such parameter');
    }
  }
  for (const name of names) {
    const key = `${prefix}${name}.class`;
    const className = values[key]?.trim() ?? '';
    const simple = className.startsWith(home) ? className.slice(home.length) : className;
    const known = Object.hasOwn(classes, simple) ? classes[simple] : undefined;
    if (known === undefined) {
      const wanted = Object.keys(classes).join(', ');
      refuse(
        key,
        className === ''
          ? `it is missing: the provider "${name}" wants one of ${wanted}`
          : `cannot use "${className}": Java classes cannot be loaded, and of ${home}* there are ${wanted}${suggest(simple, Object.keys(classes))}`,
      );
      continue;
    }
    const limit = `${prefix}${name}.param.${known.limit}`;
    const provider =
      known.kind === 'env' ? ofVariables(values[limit], limit) : ofPaths(known.kind, values[limit], limit);
    if (typeof provider === 'string') refuse(limit, provider);
    else found.set(name, provider);
  }
  return names.length === 0 ? undefined : found;
}

function ofVariables(pattern: string | undefined, limit: string): ConfigProvider | string {
  const text = pattern?.trim() ?? '';
  if (text === '') return { kind: 'env' };
  const problem = checkJavaPattern(text);
  if (problem !== undefined) return `cannot use "${text}": ${problem}`;
  const allowed = javaPattern(text);
  return { kind: 'env', limit, mayRead: (variable) => allowed.matches(variable) };
}

function ofPaths(kind: 'file' | 'dir', written: string | undefined, limit: string): ConfigProvider | string {
  const paths = listOf(written);
  const relative = paths.find((path) => !isAbsolute(path));
  if (relative !== undefined) return `cannot use "${relative}": it must be an absolute path`;
  return paths.length === 0 ? { kind } : { kind, limit, paths };
}

function listOf(text: string | undefined): readonly string[] {
  return (text ?? '')
    .split(',')
    .map((entry) => entry.trim())
    .filter((entry) => entry !== '');
}
