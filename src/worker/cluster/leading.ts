/** What a worker has to lead with, where it does: who answers, and what writes the changes. */
import type { Table } from '../table.ts';
import type { WorkerOptions } from '../worker-options.ts';
import { LeaderWrites, leadersTransactionalId } from './leader-writes.ts';
import { Leadership } from './leadership.ts';
import type { Ownership } from './ownership.ts';

export interface Leading {
  readonly leadership: Leadership;
  readonly writes: LeaderWrites;
}

export function leadingOf(
  options: WorkerOptions,
  tables: { readonly config: Table; readonly status: Table },
  ownership: () => Ownership,
): Leading {
  const { share, isFenced, broker } = options;
  // Nobody else writes to a broker inside this process.
  const isShared = share !== undefined && isFenced === true && broker.kind === 'kafka';
  const writes = new LeaderWrites({
    broker,
    transactionalId: isShared ? leadersTransactionalId(share.groupId) : undefined,
    table: tables.config,
    isLeading: () => leadership.leader().kind === 'self',
    onLost: (reason) => leadership.refused(reason),
    log: options.log,
    metrics: options.metrics,
  });
  const leadership: Leadership = new Leadership({
    url: share?.url,
    host: share?.host,
    workerId: options.workerId,
    isLeader: () => ownership().isLeader,
    isSure: () => ownership().isSure,
    heardAtMs: () => ownership().heardAtMs,
    writes,
    tables,
    log: options.log,
    metrics: options.metrics,
    clock: options.clock,
    random: options.random,
  });
  return { leadership, writes };
}
