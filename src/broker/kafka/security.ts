import { createSecureContext, type SecureContext } from 'node:tls';
import type { ConnectionOptions, SASLOptions } from '@platformatic/kafka';
import { TributaryError } from '../../base/errors.ts';
import { errorOfTlsSettings } from './errors.ts';

/** How to prove who we are. Of OAUTHBEARER the password is the token. */
export interface SaslSettings {
  readonly mechanism: 'plain' | 'scram-sha-256' | 'scram-sha-512' | 'oauthbearer';
  readonly username: string;
  readonly password: string;
}

/** PEM texts, as Node's tls takes them. An empty object: TLS with the system's authorities. */
export interface TlsSettings {
  readonly ca?: string | Buffer | readonly (string | Buffer)[];
  readonly cert?: string | Buffer;
  readonly key?: string | Buffer;
  /** Certificate, key and authorities as one PKCS #12 store. */
  readonly pfx?: Buffer;
  /** Of the key, or of the store. */
  readonly passphrase?: string;
  /** Name the certificate must hold, where that is not the host's. */
  readonly servername?: string;
  /** False takes any certificate. Only for tests. */
  readonly rejectUnauthorized?: boolean;
  /** In place of Node's check of the host's name against the certificate. */
  readonly checkServerIdentity?: NonNullable<ConnectionOptions['tls']>['checkServerIdentity'];
}

/** What the client needs for each connection; knows what of it may be shown. */
export class Security {
  readonly tls: TlsSettings | undefined;
  /** For messages: without the password. */
  readonly sasl: { readonly mechanism: string; readonly username?: string } | undefined;
  readonly #sasl: SASLOptions | undefined;
  /** Made once: what is wrong with the certificates shows here, and not in the middle of a connection attempt. */
  readonly #secureContext: SecureContext | undefined;

  constructor(sasl: SaslSettings | undefined, tls: TlsSettings | undefined) {
    this.tls = tls;
    checkPem('ca', tls?.ca);
    checkPem('cert', tls?.cert);
    checkPem('key', tls?.key);
    this.sasl = sasl === undefined ? undefined : { mechanism: sasl.mechanism, username: sasl.username };
    this.#sasl = sasl === undefined ? undefined : saslOptions(sasl);
    if (tls !== undefined) this.#secureContext = secureContext(tls);
  }

  forConnection(host: string): Pick<ConnectionOptions, 'tls' | 'sasl' | 'tlsServerName'> {
    const { tls } = this;
    if (tls === undefined) return { sasl: this.#sasl };
    const { servername, rejectUnauthorized = true, checkServerIdentity } = tls;
    return {
      sasl: this.#sasl,
      tls: {
        secureContext: this.#secureContext,
        rejectUnauthorized,
        ...(checkServerIdentity === undefined ? {} : { checkServerIdentity }),
      },
      // An address is no server name (RFC 6066, 3); Node checks the certificate against the host all the same.
      ...(servername !== undefined ? { tlsServerName: servername } : isAddress(host) ? {} : { tlsServerName: host }),
    };
  }
}

function saslOptions({ mechanism, username, password }: SaslSettings): SASLOptions {
  switch (mechanism) {
    case 'plain':
      return { mechanism: 'PLAIN', username, password };
    case 'scram-sha-256':
      return { mechanism: 'SCRAM-SHA-256', username, password };
    case 'scram-sha-512':
      return { mechanism: 'SCRAM-SHA-512', username, password };
    case 'oauthbearer':
      return { mechanism: 'OAUTHBEARER', token: password };
    default:
      throw new TributaryError(
        'INVALID_CONFIG',
        `Cannot use SASL mechanism "${String(mechanism)}": must be plain, scram-sha-256, scram-sha-512 or oauthbearer`,
      );
  }
}

/** Node takes anything as `ca` and then trusts nobody: that would be told as the broker's fault. */
function checkPem(name: string, value: TlsSettings['ca']): void {
  for (const text of [value ?? []].flat()) {
    if (!text.toString().includes('-----BEGIN '))
      throw new TributaryError('INVALID_CONFIG', `Cannot use tls.${name}: must be the text of a PEM file`);
  }
}

function secureContext({ ca, cert, key, pfx, passphrase }: TlsSettings): SecureContext {
  const authorities = ca === undefined ? undefined : ([ca].flat() as Buffer[]);
  try {
    return createSecureContext({ ca: authorities, cert, key, pfx, passphrase });
  } catch (error) {
    throw errorOfTlsSettings(error);
  }
}

function isAddress(host: string): boolean {
  return /^[\d.]+$/.test(host) || host.includes(':');
}
