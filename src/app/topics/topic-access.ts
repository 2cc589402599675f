/**
 * What the commands about topics need. Two ways lead there: the broker itself (local-access.ts), or the REST interface of
 * the process that has it open (cli/remote-access.ts). The REST routes stand on the first one.
 */
export interface TopicAccess extends AsyncDisposable {
  /** What answers: `embedded:./data`, `http://127.0.0.1:8083`. */
  readonly via: string;
  list(): Promise<readonly TopicSummary[]>;
  create(topic: TopicToCreate): Promise<TopicDetails>;
  describe(topic: string): Promise<TopicDetails>;
  delete(topic: string): Promise<void>;
  /** Records as they come, a batch at a time. `onReady` is called once the place to start from is known. */
  tap(
    topic: string,
    options: TapOptions,
    signal: AbortSignal,
    onReady?: () => void,
  ): AsyncIterable<readonly TapRecord[]>;
  /** Gives the number of records written. */
  produce(topic: string, records: AsyncIterable<readonly RecordInput[]>): Promise<number>;
}

export interface TopicToCreate {
  readonly name: string;
  readonly partitions?: number;
  readonly replicationFactor?: number;
  readonly config?: Readonly<Record<string, string>>;
}

export interface TopicSummary {
  readonly name: string;
  readonly partitions: number;
  /** Offsets between the first and the end, over all partitions: the records there are, where nothing was compacted away. */
  readonly records: number;
}

export interface TopicDetails {
  readonly name: string;
  readonly id: string;
  readonly partitions: readonly PartitionDetails[];
  readonly config: Readonly<Record<string, string>>;
}

export interface PartitionDetails {
  readonly partition: number;
  readonly leader: number;
  readonly replicas: readonly number[];
  readonly earliest: number;
  readonly latest: number;
}

export interface TapOptions {
  readonly from: TapFrom;
  /** Ends after so many records; those that the key filter leaves out do not count. */
  readonly limit?: number;
  /** False: ends at what was the end when it began. */
  readonly follow: boolean;
  readonly partition?: number;
  /** Only records with this key. */
  readonly key?: string;
}

export type TapFrom =
  | 'earliest'
  | 'latest'
  | { readonly offset: number }
  /** So many before the end of each partition. */
  | { readonly last: number }
  | { readonly timestampMs: number };

/** A record as JSON. Bytes that are no UTF-8 are base64, and marked so. */
export interface TapRecord {
  readonly partition: number;
  readonly offset: number;
  readonly timestamp: number;
  readonly key: string | null;
  readonly keyEncoding?: 'base64';
  readonly value: string | null;
  readonly valueEncoding?: 'base64';
  readonly headers: readonly HeaderJson[];
}

export interface HeaderJson {
  readonly key: string;
  readonly value: string | null;
  readonly encoding?: 'base64';
}

/** What can be written: the shape of a TapRecord, so that what was tapped can be produced again. */
export interface RecordInput {
  readonly key?: string | null;
  readonly keyEncoding?: 'base64';
  readonly value: string | null;
  readonly valueEncoding?: 'base64';
  readonly headers?: readonly HeaderJson[];
  readonly partition?: number;
  readonly timestamp?: number;
}
