/** Streaming SQL: on one core without network or disk, or as a program between two topics of a real broker. */

interface SqlOptions {
  readonly json: boolean;
  readonly smoke: boolean;
  readonly broker?: string | undefined;
  readonly runs?: number | undefined;
  readonly peers?: boolean;
  /** Without the floors. */
  readonly alone?: boolean;
  readonly parts?: number | undefined;
  /** Trades, in whole windows. */
  readonly count?: number | undefined;
}

export async function run({
  json,
  smoke,
  runs = smoke ? 1 : 3,
  broker,
  peers = false,
  alone = false,
  parts,
  count,
}: SqlOptions): Promise<void> {
  // Loaded when it is wanted: another commit, which is compared, may not have all that the other one imports.
  if (broker === undefined) {
    const { runInMemory } = await import('./sql-memory.ts');
    runInMemory({ json, smoke, runs, alone });
  } else if (parts !== undefined) {
    const { runInParts } = await import('./sql-parts.ts');
    await runInParts({ json, smoke, parts, runs, count });
  } else {
    const { runBetweenTopics } = await import('./sql-topics.ts');
    await runBetweenTopics({ json, smoke, broker, runs, peers, alone, count });
  }
}
