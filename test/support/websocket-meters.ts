import { declareMeters } from '../../src/connectors/websocket-source/meters.ts';
import { MetricRegistry } from '../../src/telemetry/metrics.ts';

/** Meters of a source whose gauges nobody looks at. */
export function unwatchedMeters() {
  return declareMeters(new MetricRegistry().root(), {
    queueRecords: () => 0,
    queueBytes: () => 0,
    queueCapacity: 0,
    queueCapacityBytes: 0,
    isConnected: () => true,
    openConnections: () => 1,
    sequenceChannels: () => 0,
    unsavedChannels: () => 0,
    backfillAsked: () => 0,
    isHeldForBackfill: () => false,
    secondsSinceLastMessage: () => 0,
    uptimeSeconds: () => 0,
    isPaused: () => false,
    tlsInsecure: false,
  });
}
