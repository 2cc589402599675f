/** Which partition of the assignment topic stands for which work. Whoever owns the partition does the work. */
import { partitionForKey } from '../../record/partitioner.ts';

/** The connector itself (its checks, the making of its tasks, its state) is one with its first task. */
export function partitionOfWork(connector: string, task: number, partitions: number): number {
  return (partitionForKey(Buffer.from(connector), partitions) + task) % partitions;
}

/** Who owns it answers for all workers where only one may. */
export const leadersPartition = 0;

/** How much work each partition stands for: the connectors' tasks, and a little of its own, so that the idle ones spread. */
export function weightsOf(
  taskCounts: Iterable<readonly [connector: string, tasks: number]>,
  partitions: number,
): number[] {
  const weights = Array.from({ length: partitions }, () => 1);
  for (const [connector, tasks] of taskCounts) {
    for (let task = 0; task < Math.max(tasks, 1); task++)
      weights[partitionOfWork(connector, task, partitions)]! += taskWeight;
  }
  return weights;
}

const taskWeight = 16;
