import { isError, isRetriable, TributaryError } from '../../base/errors.ts';
import type { TopicPartition } from '../../record/record.ts';
import type { CallOptions, CommittedOffset } from '../broker.ts';
import { commitOffsets, deleteGroup, deleteOffsets, fetchOffsets, noMember } from './api/groups.ts';
import type { KafkaClient } from './client.ts';
import type { Wire } from './connections.ts';

/** The calls of the port about groups from outside: see Broker. */
export class GroupAdmin {
  readonly #client: KafkaClient;

  constructor(client: KafkaClient) {
    this.#client = client;
  }

  committedOffsets(groupId: string, options?: CallOptions): Promise<readonly CommittedOffset[]> {
    const what = `read the committed offsets of group "${groupId}"`;
    const { toolkit, committedInTransactions } = this.#client;
    return this.#ask(groupId, what, options, async (wire) => {
      const recent = committedInTransactions.get(groupId);
      if (recent !== undefined) {
        await fetchOffsets(toolkit, wire, groupId, recent, true);
        if (committedInTransactions.get(groupId) === recent) committedInTransactions.delete(groupId);
      }
      return fetchOffsets(toolkit, wire, groupId, 'all', true);
    });
  }

  async setCommittedOffsets(
    groupId: string,
    offsets: readonly (TopicPartition & { readonly offset: number | null })[],
    options?: CallOptions,
  ): Promise<void> {
    const { toolkit } = this.#client;
    const what = `set the committed offsets of group "${groupId}"`;
    const set = offsets.filter((entry) => entry.offset !== null) as (TopicPartition & { offset: number })[];
    const gone = offsets.filter((entry) => entry.offset === null);
    try {
      if (set.length > 0)
        await this.#ask(groupId, what, options, (wire) => commitOffsets(toolkit, wire, groupId, noMember, set));
      if (gone.length > 0)
        await this.#ask(groupId, what, options, (wire) => deleteOffsets(toolkit, wire, groupId, gone));
    } catch (error) {
      if (isError(error, 'NOT_FOUND')) return; // nothing of the group is left to delete
      // Only members may commit while there are any, and only what none of them reads can be deleted.
      if (isError(error, 'GROUP_MEMBER_UNKNOWN') || isError(error, 'GROUP_REBALANCING') || isError(error, 'CONFLICT'))
        throw hasMembers(what, error);
      throw error;
    }
  }

  async deleteGroup(groupId: string, options?: CallOptions): Promise<void> {
    const what = `delete group "${groupId}"`;
    try {
      await this.#ask(groupId, what, options, (wire) => deleteGroup(this.#client.toolkit, wire, groupId));
    } catch (error) {
      if (isError(error, 'CONFLICT')) throw hasMembers(what, error);
      if (isError(error, 'NOT_FOUND'))
        throw new TributaryError('NOT_FOUND', `Cannot ${what}: there is no such group`, { cause: error });
      throw error;
    }
  }

  /** Asks the group's coordinator, wherever it moves to. */
  #ask<T>(
    groupId: string,
    what: string,
    options: CallOptions | undefined,
    ask: (wire: Wire) => Promise<T>,
  ): Promise<T> {
    const client = this.#client;
    const isRetriableHere = (error: unknown): boolean => isRetriable(error) && !isError(error, 'GROUP_REBALANCING');
    return client.run(what, { ...options, isRetriable: isRetriableHere }, async () => {
      try {
        return await ask(await client.toCoordinator('group', groupId, 'control'));
      } catch (error) {
        if (isRetriable(error)) client.forgetCoordinator('group', groupId);
        throw error;
      }
    });
  }
}

function hasMembers(what: string, cause: unknown): TributaryError {
  return new TributaryError('CONFLICT', `Cannot ${what}: it has members; stop them first`, { cause });
}
