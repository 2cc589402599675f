import type { Broker } from '../../broker/broker.ts';

/** Gives a topic of the application that many partitions. Parts that start together all try it. */
export async function growTo(broker: Broker, topic: string, count: number): Promise<void> {
  try {
    await broker.addPartitions(topic, count);
  } catch (error) {
    const { partitions } = await broker.describeTopic(topic);
    if (partitions.length < count) throw error;
  }
}
