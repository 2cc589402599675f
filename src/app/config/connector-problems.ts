/** What is wrong with the configuration of a connector, with the line of each key. */
import { isError } from '../../base/errors.ts';
import type { RawConfig } from '../../config/raw.ts';
import { secretTexts } from '../../config/secrets.ts';
import type { Connector } from '../../connectors/contract.ts';
import { Redaction } from '../../telemetry/redaction.ts';
import { findConnector } from '../../worker/plugins.ts';
import { unknownConnectorKeys } from '../../worker/unknown-keys.ts';
import { connectorValues, type ValidationContext } from '../../worker/validation.ts';
import { passwordKeys } from '../known-secrets.ts';
import type { NamedConnector } from './app-config.ts';
import type { ConfigProblem } from './problem.ts';
import { type ProviderOptions, resolveConfig } from './providers.ts';

export interface ConnectorCheck extends ValidationContext {
  readonly file: string;
  readonly providers: ProviderOptions;
  readonly lineOf: (key: string) => number | undefined;
  /** What stands before a key in messages: `connectors.trades.` */
  readonly shownPrefix: string;
  /** Keys that nothing reads: Kafka Connect has never minded them, our own files do. */
  readonly unknown: 'error' | 'warning';
}

export interface FoundProblems {
  readonly problems: readonly ConfigProblem[];
  readonly warnings: readonly ConfigProblem[];
}

export function connectorProblems({ name, config }: NamedConnector, check: ConnectorCheck): FoundProblems {
  const problems: ConfigProblem[] = [];
  const warnings: ConfigProblem[] = [];
  const at = (key: string, message: string): ConfigProblem => ({
    file: check.file,
    line: check.lineOf(key),
    key: check.shownPrefix + key,
    message,
  });
  const className = config['connector.class'];
  if (className === undefined) {
    return {
      problems: [at('connector.class', 'Missing required configuration "connector.class" which has no default value.')],
      warnings,
    };
  }
  try {
    const connector = findConnector(check.connectors, className);
    const resolved = resolveConfig({ ...config, name }, check.providers);
    const values = connectorValues({ ...config, name }, resolved, check);
    for (const { key, reason } of unknownConnectorKeys(config, connector, values)) {
      (check.unknown === 'error' ? problems : warnings).push(
        at(key, reason.replace(/^nothing reads it/, 'unknown key')),
      );
    }
    for (const { name: key, errors } of values) {
      for (const error of errors) {
        const message = asWritten(error, config[key], resolved[key]);
        problems.push(at(key, withoutSecrets(message, resolved, check.connectors)));
      }
    }
  } catch (error) {
    if (!isError(error, 'CONFIG_INVALID') && !isError(error, 'INVALID_CONFIG')) throw error;
    problems.push(at('connector.class', error.message));
  }
  return { problems, warnings };
}

/** A value that came out of a reference may be a secret: the message shows the reference. */
function asWritten(message: string, written: string | undefined, resolved: string | undefined): string {
  if (written === undefined || !resolved || written === resolved) return message;
  return message.replaceAll(resolved, written);
}

/** Parts of a value that are secret, such as the password of a URL. */
function withoutSecrets(message: string, config: RawConfig, connectors: readonly Connector[]): string {
  const redaction = new Redaction();
  redaction.add(secretTexts(config, passwordKeys(config, connectors)));
  return redaction.text(message);
}
