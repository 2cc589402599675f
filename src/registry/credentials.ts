import { TributaryError } from '../base/errors.ts';
import type { RegistryConfig } from '../convert/registered/registry-config.ts';

/** Value of the Authorization header for the registry, undefined for none but what the URL says. */
export function authorization(config: RegistryConfig): string | undefined {
  const token = config['bearer.auth.token'];
  if (token !== null && token !== '') return `Bearer ${token}`;
  switch (config['basic.auth.credentials.source'].toUpperCase()) {
    case 'USER_INFO': {
      const info = config['basic.auth.user.info'];
      if (!info.includes(':')) {
        throw new TributaryError(
          'CONFIG_INVALID',
          'Invalid value [hidden] for configuration basic.auth.user.info: must be user:password',
        );
      }
      return `Basic ${Buffer.from(info).toString('base64')}`;
    }
    case 'SASL_INHERIT': {
      const jaas = config['sasl.jaas.config'] ?? '';
      const user = /\busername\s*=\s*"((?:[^"\\]|\\.)*)"/.exec(jaas)?.[1];
      const secret = /\bpassword\s*=\s*"((?:[^"\\]|\\.)*)"/.exec(jaas)?.[1];
      if (user === undefined || secret === undefined) {
        throw new TributaryError(
          'CONFIG_INVALID',
          'Cannot take the login of the Kafka client for the schema registry: sasl.jaas.config must have a username and a password',
        );
      }
      return `Basic ${Buffer.from(`${plain(user)}:${plain(secret)}`).toString('base64')}`;
    }
    default:
      return undefined;
  }
}

function plain(quoted: string): string {
  return quoted.replace(/\\(.)/g, '$1');
}
