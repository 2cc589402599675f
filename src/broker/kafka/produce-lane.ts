import { TributaryError } from '../../base/errors.ts';
import type { TopicPartition } from '../../record/record.ts';
import { type ProduceAnswer, produce } from './api/produce.ts';
import type { KafkaClient } from './client.ts';
import type { Wire } from './connections.ts';
import type { Batch } from './produce-batch.ts';
import type { ProduceEncoder } from './produce-encoder.ts';

/** Requests in flight to one node. A node works on them one by one; more than a few only wait there. */
const maxRequests = 5;
/** A request takes no further partition once it is that large. */
const requestBytes = 4 * 1024 * 1024;

/** A batch of a partition that is on its way. */
export interface SentBatch<Sender extends TopicPartition> {
  readonly sender: Sender;
  readonly batch: Batch;
}

/** Whose partitions go this way. */
export interface LaneOwner<Sender extends TopicPartition> {
  readonly client: KafkaClient;
  readonly transactionalId: string | null;
  readonly purpose: string;
  readonly encoder: ProduceEncoder;
  /** False where the partition does not go this way, or not now; it then comes back by itself. */
  mayGo(sender: Sender, lane: ProduceLane<Sender>): boolean;
  /** Encodes the partition's next batch, if it has one to send now. */
  nextBatch(sender: Sender): Batch | undefined;
  answered(
    sent: readonly SentBatch<Sender>[],
    error: TributaryError | undefined,
    answer: ProduceAnswer | undefined,
  ): void;
  /** The node cannot be reached by those who wanted to go there. */
  notConnected(senders: readonly Sender[], error: unknown): void;
}

/** The way to one node: its connection, the partitions that have something to send there, and the requests in flight. */
export class ProduceLane<Sender extends TopicPartition> {
  readonly #nodeId: number;
  readonly #owner: LaneOwner<Sender>;
  /** In the order of their turns. */
  readonly #ready = new Set<Sender>();
  #wire: Wire | undefined;
  #isConnecting = false;
  #requests = 0;

  constructor(nodeId: number, owner: LaneOwner<Sender>) {
    this.#nodeId = nodeId;
    this.#owner = owner;
  }

  add(sender: Sender): void {
    this.#ready.add(sender);
  }

  /** Sends while there is something to send and room in flight. */
  drive(): void {
    if (this.#ready.size === 0) return;
    if (this.#wire?.isOpen === true) {
      while (this.#requests < maxRequests && this.#sendRequest(this.#wire));
    } else if (!this.#isConnecting) {
      this.#isConnecting = true;
      void this.#connect();
    }
  }

  async #connect(): Promise<void> {
    const { client, purpose } = this.#owner;
    try {
      const address = client.metadata.node(this.#nodeId);
      if (address === undefined)
        throw new TributaryError('BROKER_UNAVAILABLE', `Cannot reach node ${this.#nodeId}: it left the cluster`);
      this.#wire = await client.connections.to(address, purpose);
    } catch (error) {
      const senders = [...this.#ready];
      this.#ready.clear();
      this.#owner.notConnected(senders, error);
    }
    this.#isConnecting = false;
    this.drive();
  }

  #sendRequest(wire: Wire): boolean {
    const { client, transactionalId, encoder } = this.#owner;
    const { sent, spans } = this.#collect();
    if (sent.length === 0) return false;
    const batches = sent.map(({ sender: { topic, partition } }, index) => {
      const { start, end } = spans[index]!;
      return { topic, partition, bytes: encoder.view(start, end) };
    });
    const memory = encoder.take();
    this.#requests++;
    // Shorter than our own wait for the answer, so that "the replicas took too long" arrives.
    const timeoutMs = Math.ceil(client.settings.requestTimeoutMs * 0.8);
    const request = { version: client.produceVersion, transactionalId, timeoutMs, batches };
    produce(client.toolkit, wire, request, (error, answer) => {
      this.#requests--;
      encoder.giveBack(memory);
      this.#owner.answered(sent, error, answer);
      this.drive();
    });
    return true;
  }

  /** One batch of each partition that has one. A partition that has none leaves until it comes again. */
  #collect(): { sent: SentBatch<Sender>[]; spans: { start: number; end: number }[] } {
    const { encoder } = this.#owner;
    const sent: SentBatch<Sender>[] = [];
    const spans: { start: number; end: number }[] = [];
    encoder.clear();
    for (const sender of [...this.#ready]) {
      if (encoder.length >= requestBytes) break;
      this.#ready.delete(sender);
      if (!this.#owner.mayGo(sender, this)) continue;
      const start = encoder.length;
      const batch = this.#owner.nextBatch(sender);
      if (batch === undefined) continue;
      // Behind those that wait for their turn.
      this.#ready.add(sender);
      sent.push({ sender, batch });
      spans.push({ start, end: encoder.length });
    }
    return { sent, spans };
  }
}
