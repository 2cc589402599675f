/** `security.protocol`, `sasl.*` and `ssl.*` of Kafka's Java clients onto what our broker takes. */
import type { RawConfig } from '../../config/raw.ts';
import type { KafkaSecurity, TlsFiles } from './app-config.ts';
import { parseJaas } from './jaas.ts';

export type SecurityResult =
  | { readonly ok: true; readonly security: KafkaSecurity }
  | { readonly ok: false; readonly key: string; readonly message: string };

const protocols = ['PLAINTEXT', 'SSL', 'SASL_PLAINTEXT', 'SASL_SSL'];

export function kafkaSecurityOf(config: RawConfig): SecurityResult {
  const protocol = (config['security.protocol'] ?? 'PLAINTEXT').trim().toUpperCase();
  if (!protocols.includes(protocol)) {
    return bad('security.protocol', `cannot use "${config['security.protocol']!}": must be ${protocols.join(', ')}`);
  }
  const sasl = protocol.startsWith('SASL') ? saslOf(config) : undefined;
  if (sasl !== undefined && 'message' in sasl) return sasl;
  const tls = protocol.endsWith('SSL') ? tlsOf(config) : undefined;
  if (tls !== undefined && 'message' in tls) return tls;
  return { ok: true, security: { ...(sasl === undefined ? {} : { sasl }), ...(tls === undefined ? {} : { tls }) } };
}

type Bad = Extract<SecurityResult, { ok: false }>;

function saslOf(config: RawConfig): KafkaSecurity['sasl'] | Bad {
  const mechanism = (config['sasl.mechanism'] ?? 'GSSAPI').trim();
  const supported = ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512'];
  if (!supported.includes(mechanism)) {
    return bad('sasl.mechanism', `cannot use "${mechanism}": must be ${supported.join(', ')}`);
  }
  const jaas = parseJaas(config['sasl.jaas.config'] ?? '');
  if (!jaas.ok) return bad('sasl.jaas.config', jaas.problem);
  const { username, password } = jaas.options;
  if (username === undefined || password === undefined) {
    return bad('sasl.jaas.config', 'username="…" and password="…" are wanted');
  }
  return { mechanism: mechanism.toLowerCase(), username, password };
}

function tlsOf(config: RawConfig): TlsFiles | Bad {
  const trust = storeType(config, 'truststore');
  const key = storeType(config, 'keystore');
  if (typeof trust === 'object') return trust;
  if (typeof key === 'object') return key;
  const location = config['ssl.truststore.location'];
  const keyFile = config['ssl.keystore.location'];
  const passphrase = config['ssl.key.password'] ?? config['ssl.keystore.password'];
  const own =
    key === 'PKCS12'
      ? { pfx: keyFile }
      : { cert: config['ssl.keystore.certificate.chain'] ?? keyFile, key: config['ssl.keystore.key'] ?? keyFile };
  const algorithm = config['ssl.endpoint.identification.algorithm'];
  return {
    ca: config['ssl.truststore.certificates'] ?? location,
    ...(trust === 'PKCS12' ? { caPassword: config['ssl.truststore.password'] ?? '' } : {}),
    ...own,
    passphrase: key === 'PKCS12' ? config['ssl.keystore.password'] : passphrase,
    insecure: false,
    checkName: algorithm === undefined || algorithm.trim() !== '',
  };
}

/** The type as written, or by the file's name: Java's default is JKS, which nothing but Java reads. */
export function storeType(config: RawConfig, store: 'truststore' | 'keystore'): 'PEM' | 'PKCS12' | Bad {
  const location = config[`ssl.${store}.location`];
  const written = config[`ssl.${store}.type`]?.trim().toUpperCase();
  if (location === undefined) return 'PEM';
  const byName = /\.(p12|pfx)$/i.test(location) ? 'PKCS12' : /\.(pem|crt|cer)$/i.test(location) ? 'PEM' : 'JKS';
  const type = written === undefined || written === '' ? byName : written;
  if (type === 'PEM' || type === 'PKCS12') return type;
  if (type !== 'JKS') return bad(`ssl.${store}.type`, `cannot use "${type}": must be PEM or PKCS12`);
  return bad(
    `ssl.${store}.location`,
    store === 'truststore'
      ? `a JKS store can only be read by Java; "keytool -list -rfc -keystore ${location} > ca.pem" makes PEM of it, then set ssl.truststore.type=PEM and its location`
      : `a JKS store can only be read by Java; "keytool -importkeystore -srckeystore ${location} -destkeystore keystore.p12 -deststoretype PKCS12" converts it, then set ssl.keystore.type=PKCS12 and its location`,
  );
}

function bad(key: string, message: string): Bad {
  return { ok: false, key, message };
}
