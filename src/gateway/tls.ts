/** TLS of the gateway's listener: its files, read anew when the configuration is, and certificates of clients. */
import { readFileSync } from 'node:fs';
import type { ServerOptions } from 'node:https';
import { createSecureContext, type Server, type TLSSocket } from 'node:tls';
import { describeError, TributaryError } from '../base/errors.ts';
import type { TlsSettings } from './settings.ts';

/** CONFIG_INVALID where a file cannot be read, or is not what it should be. */
export function tlsOptions(settings: TlsSettings): ServerOptions {
  const { cert, key, pfx, passphrase, ca, clientAuth, minVersion, ciphers } = settings;
  if (pfx === '' && (cert === '' || key === '')) {
    throw new TributaryError('CONFIG_INVALID', 'gateway.tls wants "cert" and "key", or "pfx"');
  }
  if (clientAuth !== 'none' && ca === '') {
    throw new TributaryError(
      'CONFIG_INVALID',
      `gateway.tls.clientAuth "${clientAuth}" wants gateway.tls.ca: the authorities whose certificates are accepted`,
    );
  }
  const files = {
    minVersion,
    ...(cert === '' ? {} : { cert: readTlsFile('cert', cert) }),
    ...(key === '' ? {} : { key: readTlsFile('key', key) }),
    ...(pfx === '' ? {} : { pfx: readTlsFile('pfx', pfx) }),
    ...(passphrase === '' ? {} : { passphrase }),
    ...(ca === '' ? {} : { ca: readTlsFile('ca', ca) }),
    ...(ciphers === '' ? {} : { ciphers }),
  };
  try {
    createSecureContext(files);
  } catch (error) {
    throw new TributaryError('CONFIG_INVALID', `gateway.tls cannot be used: ${describeError(error)}`, { cause: error });
  }
  return { ...files, requestCert: clientAuth !== 'none', rejectUnauthorized: clientAuth === 'required' };
}

/** Where a certificate is optional, one that is shown must still be good. */
export function refuseUntrusted(server: Server, { clientAuth }: TlsSettings): void {
  if (clientAuth !== 'optional') return;
  server.on('secureConnection', (socket: TLSSocket) => {
    if (!socket.authorized && Object.keys(socket.getPeerCertificate()).length > 0) socket.destroy();
  });
}

function readTlsFile(key: string, file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (error) {
    throw new TributaryError('CONFIG_INVALID', `gateway.tls.${key}: cannot read "${file}"`, { cause: error });
  }
}
