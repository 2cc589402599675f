/** What a start needs to know, whichever file it was read from. */
import type { RawConfig } from '../../config/raw.ts';
import type { GatewaySettings } from '../../gateway/settings.ts';
import type { AccessRules } from '../../rest/access/access.ts';
import type { TableTopic } from '../../worker/worker-options.ts';
import type { ListenAddress } from './options.ts';
import type { ConfigProviders } from './providers.ts';

export interface AppConfig {
  /** `embedded:DIR` or `kafka://HOST:PORT,…`. */
  readonly broker: string;
  readonly autoCreate: boolean;
  readonly kafka: KafkaSecurity;
  readonly producer: ProducerSettings;
  /** undefined: no REST interface (`tributary copy`). */
  readonly rest: RestSettings | undefined;
  readonly worker: WorkerSettings;
  readonly outbound: OutboundSettings;
  /** undefined: no gateway. */
  readonly gateway: GatewaySettings | undefined;
  readonly connectors: readonly NamedConnector[];
  readonly logLevel: 'debug' | 'info' | 'warn' | 'error';
  /** As a worker file configures them; absent: those that are built in. */
  readonly providers?: ConfigProviders | undefined;
  /** Folder that relative paths of the file start from. */
  readonly folder: string;
}

/** Values may hold `${…}` references still. */
export interface KafkaSecurity {
  readonly sasl?: { readonly mechanism: string; readonly username: string; readonly password: string };
  readonly tls?: TlsFiles;
}

/** Paths of PEM files, or PEM texts; a PKCS #12 file in `pfx`. */
export interface TlsFiles {
  readonly ca?: string;
  /** Given: `ca` is the path of a PKCS #12 store, and this its password. */
  readonly caPassword?: string;
  readonly cert?: string;
  readonly key?: string;
  readonly pfx?: string;
  readonly passphrase?: string;
  readonly servername?: string;
  readonly insecure: boolean;
  /** False: the certificate is checked, the name in it is not (Connect's empty endpoint identification algorithm). */
  readonly checkName: boolean;
}

export interface ProducerSettings {
  /** Absent: for ever. */
  readonly deliveryTimeoutMs?: number;
  readonly transactionTimeoutMs?: number;
  readonly compression: 'none' | 'gzip' | 'snappy' | 'lz4' | 'zstd';
  readonly maxBatchBytes: number;
}

export interface RestSettings {
  /** At least one; the first is the worker's own address where none is advertised. */
  readonly listeners: readonly ListenerSettings[];
  /** HOST:PORT that others shall know the worker by. */
  readonly advertised: string | undefined;
  /** Others reach it there with TLS. */
  readonly isAdvertisedTls: boolean;
  readonly maskSecrets: boolean;
  /** Statuses say what a task says of itself, a member that Kafka Connect's answers do not have. */
  readonly statusDetail: boolean;
  /** Whether REST tells which topics a connector has written to, and forgets them on request. */
  readonly topicTracking: 'on' | 'without-reset' | 'off';
  readonly access: AccessRules;
  /** Listens where anybody comes, and asks nobody who they are. */
  readonly isAnonymous: boolean;
  /** Name of the option that changes the port, for the message when it is taken. */
  readonly portOption: string;
}

export interface ListenerSettings extends ListenAddress {
  readonly tls: ListenerTls | undefined;
  readonly serves: 'all' | 'admin' | 'all-but-admin';
}

/** Paths of files, or PEM texts. */
export interface ListenerTls {
  readonly ca?: string;
  /** Given: `ca` is the path of a PKCS #12 store, and this its password. */
  readonly caPassword?: string;
  readonly cert?: string;
  readonly key?: string;
  readonly pfx?: string;
  readonly passphrase?: string;
  readonly clientAuth: 'none' | 'requested' | 'required';
}

/** Where connectors that came over REST may connect to. */
export interface OutboundSettings {
  /** `auto`: public addresses alone where a listener is not on loopback, everything where all are. */
  readonly policy: 'auto' | 'public';
  /** Addresses, networks, hosts and domains that are allowed besides. */
  readonly allow: readonly string[];
}

/** `auto`: where no other worker can have the work, and no wait for Kafka was asked for. */
export type StartWithoutKafka = 'auto' | 'true' | 'false';

export interface WorkerSettings {
  readonly groupId: string;
  /** How it shares its work with others of its group; undefined: it runs everything itself (no group.id was given). */
  readonly share: { readonly topic: TableTopic; readonly sessionTimeoutMs: number } | undefined;
  /** Of two workers that do the same work only the later one can write, also where neither knows of the other. */
  readonly isFenced: boolean;
  readonly offsetFlushIntervalMs: number;
  readonly offsetFlushTimeoutMs: number;
  readonly exactlyOnceSources: boolean;
  readonly gracefulTimeoutMs: number;
  /** How long a start waits for a broker that cannot be reached; undefined: for ever where there is a spool, else not at all. */
  readonly brokerWaitMs: number | undefined;
  /** A running source that gives nothing for so long makes the worker unhealthy; undefined: however long. */
  readonly maxSourceAgeMs: number | undefined;
  /** Folder of the spool (docs/spool.md). */
  readonly spoolFolder: string;
  /** Whether tasks with a spool receive before a start has reached its Kafka (docs/spool.md). */
  readonly startWithoutKafka: StartWithoutKafka;
  /** Worker-level defaults of connectors: converters with their options. */
  readonly defaults: RawConfig;
  /** Topics for configurations, offsets and statuses. */
  readonly tables: { readonly config: TableTopic; readonly offset: TableTopic; readonly status: TableTopic };
}

export interface NamedConnector {
  readonly name: string;
  readonly config: RawConfig;
  /** RUNNING unless a JSON file says otherwise. */
  readonly initialState?: 'RUNNING' | 'PAUSED' | 'STOPPED';
}

/** Partitions of the assignment topic on a Kafka: so many workers can have something to do. */
export const assignmentPartitions = 48;

/** The topic that stands for the work of a group; a broker inside the process has one worker. */
export function assignmentTopic(groupId: string, broker: string, replicationFactor?: number): TableTopic {
  const partitions = broker.startsWith('embedded:') ? 1 : assignmentPartitions;
  return {
    topic: `${groupId}-assignment`,
    partitions,
    ...(replicationFactor === undefined ? {} : { replicationFactor }),
  };
}

/** Tables of workers that have a group of their own; workers of one group share them. */
export function tablesOf(groupId: string): WorkerSettings['tables'] {
  return {
    config: { topic: `${groupId}-configs`, partitions: 1 },
    offset: { topic: `${groupId}-offsets`, partitions: 1 },
    status: { topic: `${groupId}-status`, partitions: 1 },
  };
}
