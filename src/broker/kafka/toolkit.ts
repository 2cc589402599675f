import { TributaryError } from '../../base/errors.ts';
import { importParts } from './toolkit-modules.ts';

/** The Kafka client we use as a toolkit: connections, SASL and the requests that are not on the hot path. */
type Client = typeof import('@platformatic/kafka');

const names = [
  'Connection',
  'Writer',
  'addOffsetsToTxnV3',
  'addPartitionsToTxnV3',
  'apiVersionsV3',
  'createPartitionsV3',
  'createTopicsV7',
  'deleteGroupsV2',
  'deleteRecordsV2',
  'deleteTopicsV6',
  'describeConfigsV4',
  'endTxnV3',
  'findCoordinatorV4',
  'heartbeatV4',
  'incrementalAlterConfigsV1',
  'initProducerIdV4',
  'joinGroupV9',
  'leaveGroupV5',
  'listOffsetsV7',
  'metadataV12',
  'offsetCommitV8',
  'offsetDeleteV0',
  'offsetFetchV8',
  'syncGroupV5',
  'txnOffsetCommitV3',
] as const satisfies readonly (keyof Client)[];

export type Toolkit = Pick<Client, (typeof names)[number]>;

/** Requests that the client's connection makes by itself. */
const ownApis = ['apiVersionsV1', 'saslAuthenticateV0', 'saslAuthenticateV1', 'saslAuthenticateV2', 'saslHandshakeV1'];

/**
 * Loaded when a Kafka broker is opened, and only then. Of the package only what we use: its index brings clients and schema
 * registries along, which cost more than twice as much. That the parts lie where they do is sure for the version that is pinned;
 * INTERNAL, with the name, where one of them is not there.
 */
export async function loadToolkit(): Promise<Toolkit> {
  const index = import.meta.resolve('@platformatic/kafka');
  const parts = ['apis/index.js', 'network/connection.js', 'protocol/writer.js'];
  const apis = [...names.filter((name) => name !== 'Connection' && name !== 'Writer'), ...ownApis];
  const loaded = await importParts(index, parts, apis);
  const toolkit: Partial<Toolkit> = Object.assign({}, ...loaded);
  checkToolkit(toolkit);
  return toolkit;
}

export function checkToolkit(toolkit: Partial<Toolkit>): asserts toolkit is Toolkit {
  const missing = names.filter((name) => toolkit[name] === undefined);
  if (missing.length === 0) return;
  throw new TributaryError(
    'INTERNAL',
    `Cannot use @platformatic/kafka: it has no "${missing.join('", "')}"; must be the version in package.json`,
  );
}
