import { existsSync, readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { createSecureContext, getCACertificates, type SecureContext } from 'node:tls';
import { TributaryError } from '../base/errors.ts';

export interface TlsSettings {
  /** Of the options they came from, for errors: `websocket.tls`. */
  readonly prefix: string;
  /** PEM text or the path of a PEM file, here and below. */
  readonly ca: string | null;
  readonly cert: string | null;
  readonly key: string | null;
  readonly passphrase: string | null;
  readonly servername: string | null;
  readonly insecure: boolean;
}

export interface TlsOptions {
  readonly secureContext: SecureContext;
  readonly servername: string;
  readonly rejectUnauthorized: boolean;
}

/**
 * What TLS trusts and shows. Files are read for each connection, so that a certificate that was changed on disk counts from
 * the next connection on; the context, which is costly to make, is made anew only when they did change.
 */
export class TlsTrust {
  readonly #settings: TlsSettings;
  #made: { readonly from: string; readonly context: SecureContext } | undefined;

  constructor(settings: TlsSettings) {
    this.#settings = settings;
  }

  /** CONFIG_INVALID where a file cannot be read or holds no certificate or key. */
  optionsFor(host: string): TlsOptions {
    const { servername, insecure } = this.#settings;
    return {
      secureContext: this.#context(),
      servername: servername ?? (isIP(host) === 0 ? host : ''),
      rejectUnauthorized: !insecure,
    };
  }

  #context(): SecureContext {
    const { passphrase, prefix } = this.#settings;
    const ca = pem(this.#settings.ca, `${prefix}.ca`);
    const cert = pem(this.#settings.cert, `${prefix}.cert`);
    const key = pem(this.#settings.key, `${prefix}.key`);
    const from = JSON.stringify([ca, cert, key]);
    if (this.#made?.from === from) return this.#made.context;
    try {
      const context = createSecureContext({
        ca: ca === undefined ? publicCertificates() : [ca],
        cert,
        key,
        passphrase: passphrase ?? undefined,
      });
      this.#made = { from, context };
      return context;
    } catch (error) {
      const what = `${prefix}.ca, .cert, .key and .passphrase`;
      throw new TributaryError('CONFIG_INVALID', `Cannot use ${what}: ${(error as Error).message}`, { cause: error });
    }
  }
}

/** Those that come with Node.js (and NODE_EXTRA_CA_CERTS), and those of the system. */
function publicCertificates(): string[] {
  return [...new Set([...getCACertificates('default'), ...getCACertificates('system')])];
}

function pem(value: string | null, name: string): string | undefined {
  if (value === null) return undefined;
  if (value.includes('-----BEGIN ')) return value;
  if (!existsSync(value)) {
    throw new TributaryError(
      'CONFIG_INVALID',
      `Cannot read the file of ${name}: must be PEM text or the path of a PEM file`,
    );
  }
  try {
    return readFileSync(value, 'utf8');
  } catch (error) {
    const reason = (error as NodeJS.ErrnoException).code ?? 'unknown error';
    throw new TributaryError('CONFIG_INVALID', `Cannot read the file of ${name}: ${reason}`, { cause: error });
  }
}
