/**
 * Worker keys as Confluent's images take them: CONNECT_BOOTSTRAP_SERVERS is `bootstrap.servers`. One underscore is a dot, two
 * are an underscore, three a dash. What the variables say wins over the file.
 */
const prefix = 'CONNECT_';
/** What the images' scripts read themselves, and no worker. */
const ofTheImage = /^CONNECT_(LOG4J_|CUB_|JMX_|OPTS$)/;

export interface EnvironmentEntry {
  readonly key: string;
  readonly value: string;
  readonly variable: string;
}

export function connectEnvironment(env: NodeJS.ProcessEnv): readonly EnvironmentEntry[] {
  return Object.entries(env).flatMap(([variable, value]) => {
    if (!variable.startsWith(prefix) || ofTheImage.test(variable) || value === undefined) return [];
    const words = variable.slice(prefix.length).toLowerCase();
    const key = words.replace(/___|__|_/g, (dashes) => ({ ___: '-', __: '_', _: '.' })[dashes] ?? dashes);
    return [{ key, value, variable }];
  });
}

/** Level of CONNECT_LOG4J_ROOT_LOGLEVEL, in our words. */
export function environmentLogLevel(env: NodeJS.ProcessEnv): 'debug' | 'info' | 'warn' | 'error' | undefined {
  const word = env['CONNECT_LOG4J_ROOT_LOGLEVEL']?.trim().toLowerCase();
  if (word === undefined) return undefined;
  if (word === 'trace' || word === 'all') return 'debug';
  if (word === 'fatal' || word === 'off') return 'error';
  return (['debug', 'info', 'warn', 'error'] as const).find((level) => level === word);
}
