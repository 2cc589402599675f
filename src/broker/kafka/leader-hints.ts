import type { ByteReader } from './byte-reader.ts';

/** Where a node listens, told along with a "no longer the leader" (KIP-951). */
export interface NodeEndpoint {
  readonly nodeId: number;
  readonly host: string;
  readonly port: number;
}

export function readNodeEndpoints(reader: ByteReader): NodeEndpoint[] {
  return reader.compactArray(11, () => {
    const endpoint = { nodeId: reader.int32(), host: reader.compactString(), port: reader.int32() };
    reader.compactNullableString(); // rack
    reader.taggedFields();
    return endpoint;
  });
}

export function readCurrentLeader(reader: ByteReader): { readonly leaderId: number; readonly leaderEpoch: number } {
  const leader = { leaderId: reader.int32(), leaderEpoch: reader.int32() };
  reader.taggedFields();
  return leader;
}
