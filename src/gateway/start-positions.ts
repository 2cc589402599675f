/** Where each partition of a new subscription starts (PROTOCOL.md, sections 3.3 and 5). Pure. */
import type { IfLost } from '../wire/gateway/frames.ts';
import type { TopicPosition } from '../wire/gateway/position.ts';
import { noTag } from '../wire/gateway/position.ts';
import type { Gap } from '../wire/gateway/server-frames.ts';

export interface PartitionBorders {
  readonly earliest: number;
  readonly latest: number;
}

export type Start =
  | { readonly kind: 'at'; readonly next: number; readonly gap: Gap | null }
  /** It is not on the log any more, and the client wants to be told instead of moved. */
  | { readonly kind: 'lost' };

/** A position that was asked for, checked against what the log holds. */
export function startAtOffset(
  topic: string,
  partition: number,
  wanted: number,
  { earliest, latest }: PartitionBorders,
  ifLost: IfLost,
): Start {
  if (wanted >= earliest && wanted <= latest) return { kind: 'at', next: wanted, gap: null };
  if (ifLost === 'fail') return { kind: 'lost' };
  const next = ifLost === 'earliest' ? earliest : latest;
  const gap: Gap =
    wanted < earliest
      ? { topic, partition, from: wanted, to: next, reason: 'retention' }
      : { topic, partition, from: wanted, to: latest, reason: 'truncated' };
  return { kind: 'at', next, gap };
}

/** A partition that a position names: its topic may be another one of the same name by now. */
export function startAtPosition(
  topic: string,
  partition: number,
  position: TopicPosition,
  tag: string,
  borders: PartitionBorders,
  ifLost: IfLost,
): Start {
  const wanted = position.next[partition];
  // Added after the position was made: nothing of it has been seen.
  if (wanted === undefined) return { kind: 'at', next: borders.earliest, gap: null };
  if (wanted === null) return { kind: 'at', next: borders.latest, gap: null };
  if (position.tag === tag || position.tag === noTag || tag === noTag) {
    return startAtOffset(topic, partition, wanted, borders, ifLost);
  }
  if (ifLost === 'fail') return { kind: 'lost' };
  const next = ifLost === 'earliest' ? borders.earliest : borders.latest;
  return { kind: 'at', next, gap: { topic, partition, from: wanted, to: null, reason: 'recreated' } };
}
