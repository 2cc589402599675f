/** Random numbers in [0, 1) that repeat for a seed (mulberry32), so that a failure can be played again. */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** The seed of this run: TEST_SEED, or a new one. Name it in the test's title or message. */
export const testSeed = Number(process.env['TEST_SEED'] ?? Math.floor(Math.random() * 2 ** 31));

/** How often a property is tried: so often in `npm test`, 25 times as often in `npm run test:long`. */
export function fuzzRuns(count: number): number {
  return process.env['TEST_LONG'] === '1' ? count * 25 : count;
}
