/** `ssl.*` of https:// listeners; where `listeners.https.ssl.*` is given, that alone counts, as in Kafka Connect. */
import { type RawConfig, withoutPrefix } from '../../config/raw.ts';
import type { ListenerTls } from './app-config.ts';
import { storeType } from './connect-security.ts';

const prefix = 'listeners.https.';
const clientAuths = ['none', 'requested', 'required'] as const;

/** undefined where something is wrong, which has been told. */
export function listenerTlsOf(
  values: RawConfig,
  problem: (key: string, message: string) => void,
): ListenerTls | undefined {
  const own = withoutPrefix(values, prefix);
  const isOwn = Object.keys(own).some((key) => key.startsWith('ssl.'));
  const config = isOwn ? own : values;
  const wrong = (key: string, message: string): undefined => problem(isOwn ? prefix + key : key, message) as undefined;
  const keystore = storeType(config, 'keystore');
  const truststore = storeType(config, 'truststore');
  if (typeof keystore === 'object') return wrong(keystore.key, keystore.message);
  if (typeof truststore === 'object') return wrong(truststore.key, truststore.message);
  const wanted = config['ssl.client.auth']?.trim().toLowerCase() || 'none';
  const clientAuth = clientAuths.find((word) => word === wanted);
  if (clientAuth === undefined) {
    return wrong('ssl.client.auth', `cannot use "${wanted}": must be ${clientAuths.join(', ')}`);
  }
  const location = config['ssl.keystore.location'];
  const chain = config['ssl.keystore.certificate.chain'];
  if (location === undefined && chain === undefined) {
    return wrong('ssl.keystore.location', 'it is missing: an https:// listener needs a certificate and its key');
  }
  const ca = config['ssl.truststore.certificates'] ?? config['ssl.truststore.location'];
  if (clientAuth === 'required' && ca === undefined) {
    return wrong('ssl.truststore.location', 'it is missing: the authorities whose client certificates are taken');
  }
  const store = truststore === 'PKCS12' ? { caPassword: config['ssl.truststore.password'] ?? '' } : {};
  const authorities = { ca, ...store, clientAuth };
  const keyPassword = config['ssl.key.password'];
  return keystore === 'PKCS12'
    ? { pfx: location, passphrase: config['ssl.keystore.password'], ...authorities }
    : { cert: chain ?? location, key: config['ssl.keystore.key'] ?? location, passphrase: keyPassword, ...authorities };
}
