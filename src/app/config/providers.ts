/**
 * Values that stand elsewhere: `${env:NAME}`, `${file:PATH:KEY}` (a .properties file) and `${dir:FOLDER:FILE}`, in the
 * syntax of Kafka's config providers. Resolved late, when a connection needs them; what is stored and shown is the template.
 */
import { readFileSync, realpathSync } from 'node:fs';
import { isAbsolute, join, relative, resolve } from 'node:path';
import { describeError, isError, TributaryError } from '../../base/errors.ts';
import { parseProperties } from '../../config/properties.ts';
import type { RawConfig } from '../../config/raw.ts';

const reference = /\$\{([^{}$:\s]+):([^}:]*)(?::([^}]*))?\}/g;

/** What a name before the first colon stands for. `limit` is the key that bounds it, for messages. */
export type ConfigProvider =
  | { readonly kind: 'env'; readonly limit?: string; readonly mayRead?: (variable: string) => boolean }
  | { readonly kind: 'file' | 'dir'; readonly limit?: string; readonly paths?: readonly string[] };

export type ConfigProviders = ReadonlyMap<string, ConfigProvider>;

/** Where no worker file configures any: without limits. */
const builtIn: ConfigProviders = new Map([
  ['env', { kind: 'env' }],
  ['file', { kind: 'file' }],
  ['dir', { kind: 'dir' }],
]);

export interface ProviderOptions {
  readonly env: NodeJS.ProcessEnv;
  /** Folder that relative paths start from. */
  readonly folder: string;
  /** Names and their limits as a worker file configures them. Default: env, file and dir, without limits. */
  readonly providers?: ConfigProviders | undefined;
  /** Told of each value that a reference stood for. */
  readonly onResolved?: (key: string, value: string) => void;
  /** `keep`: a reference that stands for nothing stays as it is, as Kafka Connect leaves it. Default: it is an error. */
  readonly missing?: 'fail' | 'keep';
}

/** CONFIG_INVALID names the key and the reference that has no value; never a value. */
export function resolveConfig(config: RawConfig, options: ProviderOptions): RawConfig {
  return Object.fromEntries(Object.entries(config).map(([key, value]) => [key, resolveValue(key, value, options)]));
}

export function resolveValue(key: string, value: string, options: ProviderOptions): string {
  // Text without a reference is by far the most frequent.
  if (!value.includes('${')) return value;
  return value.replace(reference, (whole, providerName: string, path: string, name: string | undefined) => {
    const provider = (options.providers ?? builtIn).get(providerName);
    if (provider === undefined) return whole;
    const failed = (problem: string, cause?: unknown): TributaryError =>
      new TributaryError('CONFIG_INVALID', `Cannot resolve "${whole}" for "${key}": ${problem}`, { cause });
    try {
      const found = lookUp(provider, path, name, options, failed);
      options.onResolved?.(key, found);
      return found;
    } catch (error) {
      if (options.missing !== 'keep') throw error;
      if (provider.kind !== 'file' || !isError(error) || error.cause === undefined) return whole;
      throw new TributaryError('INVALID_CONFIG', `Could not read properties from file ${path}`, { cause: error });
    }
  });
}

function lookUp(
  provider: ConfigProvider,
  path: string,
  name: string | undefined,
  { env, folder }: ProviderOptions,
  failed: (problem: string, cause?: unknown) => TributaryError,
): string {
  if (provider.kind === 'env') {
    // Kafka's own provider is written ${env:NAME} too; a second part would be its unused path.
    const variable = name ?? path;
    if (provider.mayRead?.(variable) === false) throw failed(`"${provider.limit}" does not allow "${variable}"`);
    const value = env[variable];
    if (value === undefined) throw failed(`there is no environment variable "${variable}"`);
    return value;
  }
  if (name === undefined || name === '')
    throw failed(`a path and a ${provider.kind === 'file' ? 'key' : 'file name'} are wanted`);
  const full = isAbsolute(path) ? path : join(folder, path);
  if (provider.kind === 'dir' && (name.includes('/') || name === '..')) {
    throw failed('the file must lie in the folder itself');
  }
  const file = provider.kind === 'dir' ? join(full, name) : full;
  if (provider.paths !== undefined && !isWithin(provider.paths, file)) {
    throw failed(`"${provider.limit}" does not allow "${file}"`);
  }
  if (provider.kind === 'dir') return read(file, failed);
  const parsed = parseProperties(read(full, failed));
  if (!parsed.ok) throw failed(`line ${parsed.line} of the file: ${parsed.problem}`);
  const entry = parsed.properties.findLast((property) => property.key === name);
  if (entry === undefined) throw failed(`the file has no key "${name}"`);
  return entry.value;
}

/** By its name and, so that a link leads nowhere else, by where it really lies. */
function isWithin(allowed: readonly string[], file: string): boolean {
  const holds = (path: string, of: (name: string) => string): boolean => {
    const way = relative(of(path), of(file));
    return way === '' || !(way === '..' || way.startsWith('../') || way.startsWith('..\\') || isAbsolute(way));
  };
  return allowed.some((path) => holds(path, resolve)) && allowed.some((path) => holds(path, realPath));
}

function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return resolve(path); // what is not there is said by whoever reads it
  }
}

function read(path: string, failed: (problem: string, cause?: unknown) => TributaryError): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw failed(describeError(error), error);
  }
}
