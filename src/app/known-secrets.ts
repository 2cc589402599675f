/** Which texts of the configurations in use must be seen nowhere. */
import { describeError, isError, TributaryError } from '../base/errors.ts';
import type { RawConfig } from '../config/raw.ts';
import { secretTexts } from '../config/secrets.ts';
import type { Connector } from '../connectors/contract.ts';
import { Redaction } from '../telemetry/redaction.ts';
import { connectorOptions } from '../worker/framework-config.ts';
import { findConnector } from '../worker/plugins.ts';

/** Keys whose values name things that people must see, even where they come out of a reference. */
const naming =
  /^(name|topics?|kafka\.topic|group\.id|bootstrap\.servers|listeners|connector\.class|tasks\.max|.*\.(converter|class|type|ms|topic|topics)|.*\.storage\..*)$/;

export class KnownSecrets {
  readonly redaction = new Redaction();

  /** What a reference stands for is a secret, unless its key or the value itself says otherwise. */
  resolved(key: string, value: string): void {
    if (naming.test(key) || value.length < 6 || /^[\d.:]+$|^(true|false)$/i.test(value)) return;
    // Of a URL only parts are secret, and those `add` finds.
    if (!/^\w+:\/\/\S+$/.test(value.trim())) this.redaction.add([value, value.trim()]);
  }

  /** A connector's configuration with its references resolved. */
  add(config: RawConfig, connectors: readonly Connector[]): void {
    this.redaction.add(secretTexts(config, passwordKeys(config, connectors)));
  }

  text(text: string): string {
    return this.redaction.text(text);
  }

  /** The same error where it tells no secret, else one that says what it may. */
  error(error: unknown): unknown {
    const told = [describeError(error), error instanceof Error ? (error.stack ?? '') : ''];
    if (told.every((text) => this.text(text) === text)) return error;
    const clean = isError(error, 'CONFIG_INVALID') ? this.text(error.message) : this.text(told[0]!);
    return new TributaryError(isError(error) ? error.code : 'INTERNAL', clean);
  }
}

export function passwordKeys(config: RawConfig, connectors: readonly Connector[]): ReadonlySet<string> {
  try {
    const { options } = connectorOptions(findConnector(connectors, config['connector.class'] ?? '').config);
    return new Set(Object.keys(options).filter((key) => options[key]!.type === 'PASSWORD'));
  } catch {
    return new Set(); // a class that there is not: the names of the keys have to do
  }
}
