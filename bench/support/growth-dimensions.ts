/** What grows in `scaling`, by the names of `--only`. */
export const growthDimensions = ['connectors', 'bytes', 'partitions', 'subscribers'] as const;
export type GrowthDimension = (typeof growthDimensions)[number];
