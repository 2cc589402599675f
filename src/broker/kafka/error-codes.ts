import type { ErrorCode } from '../../base/errors.ts';

export interface KafkaError {
  readonly name: string;
  readonly code: ErrorCode;
  /** True where the same request may succeed later, possibly at another node. */
  readonly retriable: boolean;
}

/** Kafka's error codes that a client of ours can meet (kafka.apache.org/protocol, "Error Codes"), by number. */
export const kafkaErrors: ReadonlyMap<number, KafkaError> = new Map(
  (
    [
      [-1, 'UNKNOWN_SERVER_ERROR', 'BROKER_REJECTED', true],
      [1, 'OFFSET_OUT_OF_RANGE', 'OFFSET_OUT_OF_RANGE', false],
      [2, 'CORRUPT_MESSAGE', 'BATCH_CORRUPT', true],
      [3, 'UNKNOWN_TOPIC_OR_PARTITION', 'UNKNOWN_TOPIC', true],
      [5, 'LEADER_NOT_AVAILABLE', 'BROKER_UNAVAILABLE', true],
      [6, 'NOT_LEADER_OR_FOLLOWER', 'BROKER_UNAVAILABLE', true],
      [7, 'REQUEST_TIMED_OUT', 'BROKER_UNAVAILABLE', true],
      [8, 'BROKER_NOT_AVAILABLE', 'BROKER_UNAVAILABLE', true],
      [9, 'REPLICA_NOT_AVAILABLE', 'BROKER_UNAVAILABLE', true],
      [10, 'MESSAGE_TOO_LARGE', 'RECORD_TOO_LARGE', false],
      [13, 'NETWORK_EXCEPTION', 'BROKER_UNAVAILABLE', true],
      [14, 'COORDINATOR_LOAD_IN_PROGRESS', 'BROKER_UNAVAILABLE', true],
      [15, 'COORDINATOR_NOT_AVAILABLE', 'BROKER_UNAVAILABLE', true],
      [16, 'NOT_COORDINATOR', 'BROKER_UNAVAILABLE', true],
      [17, 'INVALID_TOPIC_EXCEPTION', 'INVALID_TOPIC', false],
      [18, 'RECORD_LIST_TOO_LARGE', 'RECORD_TOO_LARGE', false],
      [19, 'NOT_ENOUGH_REPLICAS', 'BROKER_UNAVAILABLE', true],
      [20, 'NOT_ENOUGH_REPLICAS_AFTER_APPEND', 'BROKER_UNAVAILABLE', true],
      [22, 'ILLEGAL_GENERATION', 'GROUP_MEMBER_UNKNOWN', false],
      [23, 'INCONSISTENT_GROUP_PROTOCOL', 'CONFLICT', false],
      [24, 'INVALID_GROUP_ID', 'INVALID_CONFIG', false],
      [25, 'UNKNOWN_MEMBER_ID', 'GROUP_MEMBER_UNKNOWN', false],
      [26, 'INVALID_SESSION_TIMEOUT', 'INVALID_CONFIG', false],
      [27, 'REBALANCE_IN_PROGRESS', 'GROUP_REBALANCING', true],
      [29, 'TOPIC_AUTHORIZATION_FAILED', 'AUTHORIZATION_FAILED', false],
      [30, 'GROUP_AUTHORIZATION_FAILED', 'AUTHORIZATION_FAILED', false],
      [31, 'CLUSTER_AUTHORIZATION_FAILED', 'AUTHORIZATION_FAILED', false],
      [32, 'INVALID_TIMESTAMP', 'BROKER_REJECTED', false],
      [33, 'UNSUPPORTED_SASL_MECHANISM', 'AUTHENTICATION_FAILED', false],
      [34, 'ILLEGAL_SASL_STATE', 'AUTHENTICATION_FAILED', false],
      [35, 'UNSUPPORTED_VERSION', 'BROKER_REJECTED', false],
      [36, 'TOPIC_ALREADY_EXISTS', 'TOPIC_EXISTS', false],
      [37, 'INVALID_PARTITIONS', 'INVALID_TOPIC', false],
      [38, 'INVALID_REPLICATION_FACTOR', 'INVALID_TOPIC', false],
      [39, 'INVALID_REPLICA_ASSIGNMENT', 'INVALID_TOPIC', false],
      [40, 'INVALID_CONFIG', 'INVALID_CONFIG', false],
      [41, 'NOT_CONTROLLER', 'BROKER_UNAVAILABLE', true],
      [42, 'INVALID_REQUEST', 'BROKER_REJECTED', false],
      [43, 'UNSUPPORTED_FOR_MESSAGE_FORMAT', 'BROKER_REJECTED', false],
      [44, 'POLICY_VIOLATION', 'BROKER_REJECTED', false],
      [45, 'OUT_OF_ORDER_SEQUENCE_NUMBER', 'BROKER_REJECTED', false],
      [46, 'DUPLICATE_SEQUENCE_NUMBER', 'BROKER_REJECTED', false],
      [47, 'INVALID_PRODUCER_EPOCH', 'PRODUCER_FENCED', false],
      [48, 'INVALID_TXN_STATE', 'TRANSACTION_INVALID_STATE', false],
      [49, 'INVALID_PRODUCER_ID_MAPPING', 'PRODUCER_FENCED', false],
      [50, 'INVALID_TRANSACTION_TIMEOUT', 'INVALID_CONFIG', false],
      [51, 'CONCURRENT_TRANSACTIONS', 'BROKER_UNAVAILABLE', true],
      [52, 'TRANSACTION_COORDINATOR_FENCED', 'BROKER_UNAVAILABLE', true],
      [53, 'TRANSACTIONAL_ID_AUTHORIZATION_FAILED', 'AUTHORIZATION_FAILED', false],
      [55, 'OPERATION_NOT_ATTEMPTED', 'BROKER_REJECTED', false],
      [56, 'KAFKA_STORAGE_ERROR', 'BROKER_FULL', true],
      [58, 'SASL_AUTHENTICATION_FAILED', 'AUTHENTICATION_FAILED', false],
      [59, 'UNKNOWN_PRODUCER_ID', 'BROKER_REJECTED', false],
      [60, 'REASSIGNMENT_IN_PROGRESS', 'CONFLICT', true],
      [68, 'NON_EMPTY_GROUP', 'CONFLICT', false],
      [69, 'GROUP_ID_NOT_FOUND', 'NOT_FOUND', false],
      [72, 'LISTENER_NOT_FOUND', 'BROKER_UNAVAILABLE', true],
      [73, 'TOPIC_DELETION_DISABLED', 'BROKER_REJECTED', false],
      [74, 'FENCED_LEADER_EPOCH', 'BROKER_UNAVAILABLE', true],
      [75, 'UNKNOWN_LEADER_EPOCH', 'BROKER_UNAVAILABLE', true],
      [76, 'UNSUPPORTED_COMPRESSION_TYPE', 'BROKER_REJECTED', false],
      [78, 'OFFSET_NOT_AVAILABLE', 'BROKER_UNAVAILABLE', true],
      [79, 'MEMBER_ID_REQUIRED', 'GROUP_MEMBER_UNKNOWN', false],
      [80, 'PREFERRED_LEADER_NOT_AVAILABLE', 'BROKER_UNAVAILABLE', true],
      [81, 'GROUP_MAX_SIZE_REACHED', 'BROKER_REJECTED', false],
      [82, 'FENCED_INSTANCE_ID', 'GROUP_MEMBER_UNKNOWN', false],
      [86, 'GROUP_SUBSCRIBED_TO_TOPIC', 'CONFLICT', false],
      [87, 'INVALID_RECORD', 'BROKER_REJECTED', false],
      [88, 'UNSTABLE_OFFSET_COMMIT', 'BROKER_UNAVAILABLE', true],
      [89, 'THROTTLING_QUOTA_EXCEEDED', 'BROKER_UNAVAILABLE', true],
      [90, 'PRODUCER_FENCED', 'PRODUCER_FENCED', false],
      [100, 'UNKNOWN_TOPIC_ID', 'UNKNOWN_TOPIC', true],
      [103, 'INCONSISTENT_TOPIC_ID', 'TOPIC_RECREATED', true],
      [120, 'TRANSACTION_ABORTABLE', 'TRANSACTION_ABORTED', false],
    ] as const satisfies readonly (readonly [number, string, ErrorCode, boolean])[]
  ).map(([number, name, code, retriable]) => [number, { name, code, retriable }]),
);

/** `UNKNOWN_TOPIC_OR_PARTITION (3)`. */
export function kafkaErrorName(apiCode: number): string {
  return `${kafkaErrors.get(apiCode)?.name ?? 'an error it has no name for here'} (${apiCode})`;
}
