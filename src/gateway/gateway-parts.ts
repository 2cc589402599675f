/** What every connection of the gateway stands on. */
import type { Clock } from '../base/clock.ts';
import type { Log } from '../telemetry/log.ts';
import type { Rights } from './auth/acl.ts';
import type { Identity } from './auth/identity.ts';
import type { DeliveryState } from './delivery.ts';
import type { GatewayMetrics } from './metrics.ts';
import type { DeliveryParts } from './open-delivery.ts';
import type { Publisher } from './publisher.ts';
import type { GatewaySettings } from './settings.ts';
import type { Turn } from './turn.ts';

export interface GatewayParts {
  readonly settings: GatewaySettings;
  readonly delivery: DeliveryParts;
  readonly publisher: Publisher;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: GatewayMetrics;
  /** Where deliveries are scheduled. */
  readonly turn: Turn;
  /** As they are now: rules may be read anew while the gateway runs. */
  rights(identity: Identity): Rights;
  /** Rejects with AuthError. */
  verify(token: string): Promise<Identity>;
  /** False where the token that an identity came with is no longer accepted. */
  isKnown(identity: Identity): boolean;
  /** Bytes that may wait for one client now: less than `limits.queue` where many share the memory. */
  queueBytes(): number;
  /** False while the broker does not answer. */
  isBrokerUp(): boolean;
}

export type SubscriptionState = 'pending' | DeliveryState;

/** A connection as the server sees it, whatever its protocol. */
export interface GatewayConnection {
  readonly protocol: string;
  readonly principal: string | null;
  /** Bytes that wait for its client. */
  readonly waitingBytes: number;
  /** Bytes of its publishes that are not answered yet. */
  readonly publishBytes: number;
  /** States of its subscriptions. */
  subscriptions(): readonly SubscriptionState[];
  /** Once or more a second: heartbeats, deadlines, stalls. */
  tick(nowMs: number): void;
  /** Access rules have changed. */
  recheck(): void;
  /** Says farewell; the client should come back after so many milliseconds. */
  drain(afterMs: number): void;
  /** The process has no memory left for it. */
  shed(): void;
  /** Cuts it off. */
  destroy(): void;
}
