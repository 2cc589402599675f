/**
 * Several readers as one. Each waits until its turn was taken, so at most one item of each is held; `stop` ends them when
 * the caller leaves. The first failure ends the whole.
 */
export async function* mergeReaders<T>(
  readers: readonly AsyncIterable<T>[],
  stop: () => void,
): AsyncGenerator<T, void, undefined> {
  const ready: { readonly item: T; readonly taken: () => void }[] = [];
  const failures: unknown[] = [];
  let running = readers.length;
  let isOver = false;
  let wake = (): void => {};

  const pump = async (reader: AsyncIterable<T>): Promise<void> => {
    try {
      for await (const item of reader) {
        if (isOver) break;
        await new Promise<void>((taken) => {
          ready.push({ item, taken });
          wake();
        });
        if (isOver) break;
      }
    } catch (error) {
      failures.push(error);
    } finally {
      running--;
      wake();
    }
  };

  const pumps = readers.map(pump);
  try {
    for (;;) {
      const turn = ready.shift();
      if (turn !== undefined) {
        try {
          yield turn.item;
        } finally {
          turn.taken();
        }
      } else if (failures.length > 0) throw failures[0];
      else if (running === 0) return;
      else
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
    }
  } finally {
    isOver = true;
    stop();
    for (const { taken } of ready) taken();
    await Promise.all(pumps);
  }
}
