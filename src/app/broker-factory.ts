/** Opens the broker that an address names. Either implementation is imported only when it is wanted. */
import { TributaryError } from '../base/errors.ts';
import type { Broker } from '../broker/broker.ts';
import type { KafkaBrokerOptions } from '../broker/kafka/kafka.ts';
import type { Log } from '../telemetry/log.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import type { KafkaSecurity, TlsFiles } from './config/app-config.ts';
import { type ProviderOptions, resolveValue } from './config/providers.ts';
import { authoritiesOf, pemOrFile } from './pem-or-file.ts';

export interface BrokerSettings {
  /** `embedded:DIR` or `kafka://HOST:PORT,…`. */
  readonly address: string;
  readonly kafka: KafkaSecurity;
  readonly providers: ProviderOptions;
  readonly log: Log;
  readonly metrics: Metrics;
  /** Called once when the opening is under way, elsewhere than on this thread: time for what has to be done here. */
  readonly meanwhile?: () => void;
}

export async function openBroker(settings: BrokerSettings): Promise<Broker> {
  const { address, kafka, providers, log, metrics, meanwhile } = settings;
  const { codecs } = await import('./codecs.ts');
  if (address.startsWith('embedded:')) {
    const { openEmbeddedBroker } = await import('../broker/embedded/embedded.ts');
    const { embeddedEvents } = await import('./embedded-events.ts');
    const opening = openEmbeddedBroker({
      directory: address.slice('embedded:'.length),
      codecs,
      onEvent: embeddedEvents(log, metrics),
    });
    meanwhile?.();
    return opening;
  }
  const bootstrap = address.slice('kafka://'.length).replace(/\/$/, '').split(',');
  const { openKafkaBroker } = await import('../broker/kafka/kafka.ts');
  const opening = openKafkaBroker({ bootstrap, codecs, ...securityOf(kafka, providers) });
  meanwhile?.();
  return opening;
}

export function checkBrokerAddress(address: string): string {
  if (/^(embedded:.+|kafka:\/\/.+)$/.test(address)) return address;
  throw new TributaryError('USAGE', `Cannot use broker "${address}": must be embedded:DIR or kafka://HOST:PORT.`);
}

/** References are replaced here and not before: what is stored and shown keeps them. */
function securityOf(kafka: KafkaSecurity, providers: ProviderOptions): Pick<KafkaBrokerOptions, 'sasl' | 'tls'> {
  const resolved = (key: string, value: string): string => resolveValue(`kafka.${key}`, value, providers);
  const { sasl, tls } = kafka;
  return {
    ...(sasl === undefined
      ? {}
      : {
          sasl: {
            mechanism: sasl.mechanism as NonNullable<KafkaBrokerOptions['sasl']>['mechanism'],
            username: resolved('sasl.username', sasl.username),
            password: resolved('sasl.password', sasl.password),
          },
        }),
    ...(tls === undefined ? {} : { tls: tlsOf(tls, resolved, providers.folder) }),
  };
}

function tlsOf(
  files: TlsFiles,
  resolved: (key: string, value: string) => string,
  folder: string,
): NonNullable<KafkaBrokerOptions['tls']> {
  const read = (name: 'ca' | 'cert' | 'key' | 'pfx'): Buffer | undefined => {
    const value = files[name];
    return value === undefined ? undefined : pemOrFile(`"kafka.tls.${name}"`, resolved(`tls.${name}`, value), folder);
  };
  const { passphrase, servername, insecure, checkName, caPassword } = files;
  const store = caPassword === undefined ? undefined : resolved('tls.caPassword', caPassword);
  const ca = store === undefined ? read('ca') : authoritiesOf('"kafka.tls.ca"', read('ca'), store);
  const parts = { ca, cert: read('cert'), key: read('key'), pfx: read('pfx'), servername };
  return {
    ...Object.fromEntries(Object.entries(parts).filter(([, value]) => value !== undefined)),
    ...(passphrase === undefined ? {} : { passphrase: resolved('tls.passphrase', passphrase) }),
    ...(insecure ? { rejectUnauthorized: false } : {}),
    // Connect's empty endpoint identification: the chain is checked, the name is not.
    ...(checkName ? {} : { checkServerIdentity: () => undefined }),
  };
}
