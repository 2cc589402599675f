/** Of checkpoints, wherever an application runs: as a connector, or by `tributary sql run`. */
export const checkpointDefaults = { intervalMs: 1000, maxBytes: 268_435_456 } as const;
export const maxCheckpointIntervalMs = 30_000;
