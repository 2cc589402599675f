/** What the TLS of a listener needs, read from its files. */
import type { ServerOptions } from 'node:https';
import type { ListenerTls } from './config/app-config.ts';
import { authoritiesOf, pemOrFile } from './pem-or-file.ts';

/** CONFIG_INVALID names the file that cannot be read. Relative paths start from `folder`. */
export function listenerTls(tls: ListenerTls, folder: string): ServerOptions {
  const read = (name: 'ca' | 'cert' | 'key' | 'pfx'): Buffer | undefined => {
    const value = tls[name];
    return value === undefined ? undefined : pemOrFile(`the TLS ${name} of the listener`, value, folder);
  };
  const { caPassword } = tls;
  const ca =
    caPassword === undefined ? read('ca') : authoritiesOf('the TLS ca of the listener', read('ca'), caPassword);
  const parts = { ca, cert: read('cert'), key: read('key'), pfx: read('pfx'), passphrase: tls.passphrase };
  return {
    ...Object.fromEntries(Object.entries(parts).filter(([, value]) => value !== undefined)),
    minVersion: 'TLSv1.2',
    requestCert: tls.clientAuth !== 'none',
    rejectUnauthorized: tls.clientAuth === 'required',
  };
}
