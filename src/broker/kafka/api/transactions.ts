import type { TopicPartition } from '../../../record/record.ts';
import type { Wire } from '../connections.ts';
import { check } from '../errors.ts';
import type { Identity } from '../produce-batch.ts';
import type { Toolkit } from '../toolkit.ts';
import { byTopic, type GroupIdentity } from './groups.ts';

/** Requests of a producer about itself. With a transactional id they go to its coordinator, else to any node. */

/** What the first request of a producer says it has. Anything else than -1 fences the next one with that id, or worse. */
export const noIdentity: Identity = { producerId: -1n, epoch: -1 };

/** InitProducerId. With a transactional id it ends what an older producer left open; with `current` it raises the epoch. */
export async function initProducerId(
  toolkit: Toolkit,
  wire: Wire,
  transactionalId: string | null,
  transactionTimeoutMs: number,
  current: Identity = noIdentity,
): Promise<Identity> {
  const answer = await wire.call(
    toolkit.initProducerIdV4.api,
    transactionalId,
    transactionTimeoutMs,
    current.producerId,
    current.epoch,
  );
  check(answer.errorCode, transactionalId === null ? 'get a producer id' : `start producer "${transactionalId}"`);
  return { producerId: answer.producerId, epoch: answer.producerEpoch };
}

export async function addPartitionsToTransaction(
  toolkit: Toolkit,
  wire: Wire,
  transactionalId: string,
  identity: Identity,
  partitions: readonly TopicPartition[],
): Promise<void> {
  const transaction = {
    transactionalId,
    producerId: identity.producerId,
    producerEpoch: identity.epoch,
    verifyOnly: false,
    topics: byTopic(partitions).map(([name, entries]) => ({
      name,
      partitions: entries.map((entry) => entry.partition),
    })),
  };
  const answer = await wire.call(toolkit.addPartitionsToTxnV3.api, [transaction]);
  const results = answer.resultsByTransaction.flatMap((result) => result.topicResults);
  for (const { name, resultsByPartition } of results) {
    for (const { partitionIndex, partitionErrorCode } of resultsByPartition) {
      // 55: not tried, because of another partition's failure, which says more.
      if (partitionErrorCode !== 55)
        check(partitionErrorCode, `add partition ${partitionIndex} of topic "${name}" to the transaction`);
    }
  }
}

export async function addOffsetsToTransaction(
  toolkit: Toolkit,
  wire: Wire,
  transactionalId: string,
  identity: Identity,
  groupId: string,
): Promise<void> {
  const answer = await wire.call(
    toolkit.addOffsetsToTxnV3.api,
    transactionalId,
    identity.producerId,
    identity.epoch,
    groupId,
  );
  check(answer.errorCode, `add offsets of group "${groupId}" to the transaction`);
}

/** Goes to the group's coordinator. */
export async function commitOffsetsInTransaction(
  toolkit: Toolkit,
  wire: Wire,
  transactionalId: string,
  identity: Identity,
  groupId: string,
  member: GroupIdentity,
  offsets: readonly (TopicPartition & { readonly offset: number })[],
): Promise<void> {
  const topics = byTopic(offsets).map(([name, entries]) => ({
    name,
    partitions: entries.map(({ partition, offset }) => ({
      partitionIndex: partition,
      committedOffset: BigInt(offset),
      committedLeaderEpoch: -1,
      committedMetadata: '',
    })),
  }));
  const answer = await wire.call(
    toolkit.txnOffsetCommitV3.api,
    transactionalId,
    groupId,
    identity.producerId,
    identity.epoch,
    member.generation,
    member.memberId,
    member.instanceId,
    topics,
  );
  for (const { name, partitions } of answer.topics) {
    for (const { partitionIndex, errorCode } of partitions)
      check(errorCode, `commit the offset of partition ${partitionIndex} of topic "${name}" in the transaction`);
  }
}

export async function endTransaction(
  toolkit: Toolkit,
  wire: Wire,
  transactionalId: string,
  identity: Identity,
  outcome: 'commit' | 'abort',
): Promise<void> {
  const answer = await wire.call(
    toolkit.endTxnV3.api,
    transactionalId,
    identity.producerId,
    identity.epoch,
    outcome === 'commit',
  );
  check(answer.errorCode, `${outcome} the transaction of producer "${transactionalId}"`);
}
